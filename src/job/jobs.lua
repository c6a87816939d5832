-- Every change to the queue of loads, one call a change (docs/redis-keys.md, "Loads").
-- KEYS[1] is "{R}:jobs"; all other keys begin with it, and so are in its slot.
-- ARGV[1] names the function at the end of this file, the rest are its arguments.
-- A job is "BATCH:N". Times are Redis' own: milliseconds, where it says so microseconds.

local base = KEYS[1]
local GROUP = 'load'
local FINISHED_MAX = 20000 -- loads in finished batches, but for the newest batch
local HOME_GONE_MS = 300000
local UNSEEN_MS = 30000 -- nobody has looked for so long: Redis was away, or all workers were
local LOADED_MS = 60000
local PAUSE_FIRST_MS, PAUSE_MAX_MS = 500, 300000
local SLICE = 250 -- loads that one call puts into the streams: a few milliseconds

local call = redis.call

local function key(name) return base .. ':' .. name end

local function now_usec()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

local function now_ms() return math.floor(now_usec() / 1000) end

local function text(number) return string.format('%.0f', number) end

local function event(kind, batch)
  call('XADD', key('events'), 'MAXLEN', '~', 4096, '*', kind, batch)
end

local function is_held() return call('ZCOUNT', key('holds'), text(now_ms()), '+inf') > 0 end

local function parts(job) return job:match('^(%x+):(%d+)$') end

local function ensure(stream) pcall(call, 'XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM') end

local function home_stream(home) return home ~= '' and key('home:' .. home) or base end

local function remove(stream, entry)
  call('XACK', stream, GROUP, entry)
  call('XDEL', stream, entry)
end

-- A directory's stream is one that look() knows, or a load in it would never be over.
local function enqueue(stream, job)
  if stream ~= base then call('ZADD', key('homes'), 'NX', text(now_ms()), stream:sub(#key('home:') + 1)) end
  call('XADD', stream, '*', 'job', job)
end

-- What was asked for. What cannot be read has no claim and no replica.
local function request_of(batch, n)
  local good, request = pcall(cjson.decode, call('HGET', batch, 'r' .. n) or '')
  good = good and type(request) == 'table'
  if not good then request = {} end
  local function member(name) return type(request[name]) == 'string' and request[name] or '' end
  return {good = good, claim = member('claim'), replica = member('replica'), fault = request.fault}
end

-- The job waits or runs.
local function is_alive(job)
  local id, n = parts(job)
  local batch = id and key('batch:' .. id)
  return id and call('HEXISTS', batch, 'r' .. n) == 1 and call('HEXISTS', batch, 'e' .. n) == 0
end

-- Let the next load of that replica go: the one that has waited longest, which has the
-- replica from now on, so that those behind it do not pass it by.
local function release_replica(replica, job)
  if replica == '' or call('HGET', key('busy'), replica) ~= job then return end
  call('HDEL', key('busy'), replica)
  local list = key('behind:' .. replica)
  local waiting = call('LPOP', list)
  while waiting do
    local other, stream = waiting:match('^(%S+) (.*)$')
    if is_alive(other) then
      call('HSET', key('busy'), replica, other)
      enqueue(stream, other)
      break
    end
    waiting = call('LPOP', list)
  end
  if call('EXISTS', list) == 0 then call('SREM', key('behind'), replica) end
end

local function forget_batch(member)
  local id, count = member:match('^(%x+):(%d+)$')
  call('ZREM', key('ended'), member)
  call('ZREM', key('batches'), id)
  call('HINCRBY', key('counts'), 'finished', text(0 - count)) -- of "0" -count is "-0", which is no number to Redis
  call('UNLINK', key('batch:' .. id))
end

local function end_batch(id)
  local batch, ended, now = key('batch:' .. id), key('ended'), now_usec()
  local told = call('HMGET', batch, 'count', 'keep', 'ttl')
  local keep, ttl = tonumber(told[2]), tonumber(told[3])
  call('HSET', batch, 'ended', text(now))
  call('PEXPIRE', batch, text(ttl * 1000))
  call('ZADD', ended, text(now), id .. ':' .. told[1])
  local finished = call('HINCRBY', key('counts'), 'finished', told[1])
  while call('ZCARD', ended) > 1 do
    local oldest = call('ZRANGE', ended, 0, 0, 'WITHSCORES')
    if call('ZCARD', ended) <= keep and finished <= FINISHED_MAX
      and tonumber(oldest[2]) > now - ttl * 1000000 then break end
    finished = finished - oldest[1]:match(':(%d+)$')
    forget_batch(oldest[1])
  end
  event('over', id)
end

-- state: "done", "failed" or "skipped"; sums: rows read, written, rejected, duplicate keys.
local function end_job(job, state, json, failure, sums)
  local id, n = parts(job)
  local batch, counts = key('batch:' .. id), key('counts')
  local request = request_of(batch, n)
  local now = now_usec()
  if call('HGET', key('claims'), request.claim) == job then
    call('HDEL', key('claims'), request.claim)
  end
  release_replica(request.replica, job)
  if call('HDEL', batch, 'l' .. n) == 1 then
    call('HINCRBY', batch, 'running', -1)
    call('HINCRBY', counts, 'running', -1)
    call('HINCRBY', counts, 'load_usec', text(now - call('HGET', batch, 's' .. n)))
  else
    call('HINCRBY', counts, 'waiting', -1)
  end
  call('HDEL', key('running'), job)
  call('HDEL', batch, 'w' .. n, 'i' .. n)
  call('HSET', batch, 'e' .. n, json, 'z' .. n, text(now))
  call('HINCRBY', batch, state, 1)
  call('HINCRBY', counts, state, 1)
  for at, field in ipairs({'rows_read', 'rows_written', 'rows_rejected', 'duplicate_keys'}) do
    if sums and sums[at] ~= '0' then
      call('HINCRBY', batch, field, sums[at])
      if state == 'done' then call('HINCRBY', counts, field, sums[at]) end
    end
  end
  if state == 'failed' then call('HSETNX', batch, 'error', failure) end
  if call('HINCRBY', batch, 'left', -1) == 0 then end_batch(id) else event('batch', id) end
end

local function end_unbegun(job, code, message)
  local failure = cjson.encode({code = code, message = message})
  end_job(job, 'failed', '{"state":"failed","error":' .. failure .. '}', failure)
end

local function drop(job)
  if is_alive(job) then end_unbegun(job, 'cancelled', 'the load was dropped before it began') end
end

-- A load that runs waits again, as if it had not been begun.
local function set_back(job)
  local id, n = parts(job)
  local batch = key('batch:' .. id)
  local request = request_of(batch, n)
  call('HDEL', batch, 'l' .. n)
  call('HDEL', key('running'), job)
  call('HINCRBY', batch, 'running', -1)
  call('HINCRBY', batch, 'a' .. n, -1)
  call('HINCRBY', key('counts'), 'running', -1)
  call('HINCRBY', key('counts'), 'waiting', 1)
  release_replica(request.replica, job)
end

-- What came from the stream becomes the consumer's, unless there is a reason against it.
local function take(stream, entry, consumer, load_id)
  local found = call('XRANGE', stream, entry, entry)
  if #found == 0 then
    call('XACK', stream, GROUP, entry)
    return nil
  end
  local job = found[1][2][2]
  local id, n = parts(job)
  if not id or not is_alive(job) then
    remove(stream, entry)
    return nil
  end
  local batch = key('batch:' .. id)
  if is_held() then
    local begun = call('HEXISTS', batch, 'l' .. n) == 1
    remove(stream, entry)
    end_unbegun(job, 'cancelled', begun and 'the load was stopped' or 'the load was dropped before it began')
    return nil
  end
  local request = request_of(batch, n)
  if not request.good then
    remove(stream, entry)
    end_unbegun(job, 'internal', 'what Redis has of this load cannot be read; ask for it again')
    return nil
  end
  local replica = request.replica
  if replica ~= '' then
    local other = call('HGET', key('busy'), replica)
    if other and other ~= job and is_alive(other) then
      call('RPUSH', key('behind:' .. replica), job .. ' ' .. stream)
      call('SADD', key('behind'), replica)
      remove(stream, entry)
      return nil
    end
    call('HSET', key('busy'), replica, job)
  end
  local counts, now = key('counts'), text(now_usec())
  -- By the clock, too: a replica that became master may not have heard of the last tokens.
  local token = math.max((tonumber(call('HGET', counts, 'fence')) or 0) + 1, tonumber(now))
  call('HSET', counts, 'fence', text(token))
  local attempts = call('HINCRBY', batch, 'a' .. n, 1)
  local retaken = call('HEXISTS', batch, 'l' .. n)
  if retaken == 1 then
    call('HINCRBY', counts, 'retaken', 1)
  else
    call('HINCRBY', counts, 'waiting', -1)
    call('HINCRBY', counts, 'running', 1)
    call('HINCRBY', batch, 'running', 1)
  end
  call('HSETNX', batch, 's' .. n, now)
  call('HSETNX', batch, 'started', now)
  call('HSET', batch, 'l' .. n, text(token) .. ' ' .. consumer)
  call('HSET', key('running'), job, '{}')
  local told = call('HMGET', batch, 'i' .. n, 'w' .. n, 'force', 'home', 'ready')
  call('HSET', batch, 'i' .. n, (told[1] and told[1] .. ' ' or '') .. load_id)
  event('batch', id)
  return {job, stream, entry, token, attempts, retaken, call('HGET', batch, 'r' .. n), told[1] or '', told[2] or '',
          told[3] or '0', told[4] or '', told[5] or '0', now}
end

-- "mine", "lost" (another one has it, or it is over) or "gone" (Redis knows nothing of it).
local function standing(job, token)
  local id, n = parts(job)
  local batch = key('batch:' .. id)
  local holder = call('HGET', batch, 'l' .. n)
  if holder then return holder:match('^%d+') == token and 'mine' or 'lost' end
  return call('EXISTS', batch) == 1 and 'lost' or 'gone'
end

local commands = {}

-- Put at most so many more loads of a batch into the streams. Returns how many are left.
-- The batch is in "unfed" until none is: whoever looks for a load goes on with it.
local function feed(id, most)
  local batch, unfed = key('batch:' .. id), key('unfed')
  local told = call('HMGET', batch, 'fed', 'count', 'home')
  local from, count = tonumber(told[1]), tonumber(told[2])
  if not from then
    call('ZREM', unfed, id)
    return 0
  end
  local upto = math.min(from + most, count)
  for n = from, upto - 1 do
    local job, request = id .. ':' .. text(n), request_of(batch, text(n))
    local owner = call('HGET', key('claims'), request.claim)
    if not owner or not is_alive(owner) then call('HSET', key('claims'), request.claim, job) end
    -- A faulty ticket cannot be told apart from another machine's of the same name.
    enqueue(request.fault and home_stream(told[3]) or base, job)
  end
  if upto < count then
    call('HSET', batch, 'fed', upto)
  else
    call('HDEL', batch, 'fed')
    call('ZREM', unfed, id)
  end
  return count - upto
end

-- The jobs "r0".."r<count-1>" are in the batch already. Returns how many were taken,
-- the milliseconds until the first pause of those left out ends (-1: there is none), and
-- how many of them are still to be fed; or {-1} when the queue is held, {-2, n} when it is full with n jobs.
-- With `once` all of it is done in this one call: its batches are to be small.
function commands.submit(id, count, force, once, lagging, home, limit, keep, ttl)
  local batch, counts = key('batch:' .. id), key('counts')
  local kept, wait, now = {}, -1, now_ms()
  local alive = call('HMGET', counts, 'waiting', 'running')
  alive = (tonumber(alive[1]) or 0) + (tonumber(alive[2]) or 0)
  if is_held() or alive + count > tonumber(limit) then
    call('UNLINK', batch)
    return is_held() and {-1} or {-2, alive}
  end
  count = tonumber(count)
  if call('HLEN', batch) ~= count then return redis.error_reply('ERR the batch is not whole') end
  if once == '1' then
    for n = 0, count - 1 do
      local claim, until_ms = request_of(batch, n).claim, nil
      local owner = call('HGET', key('claims'), claim)
      local pause = call('GET', key('pause:' .. claim))
      if owner and is_alive(owner) then
        until_ms = math.huge
      elseif pause and tonumber(pause:match(' (%d+)$')) > now then
        until_ms = tonumber(pause:match(' (%d+)$'))
      elseif lagging == '1' and call('EXISTS', key('loaded:' .. claim)) == 1 then
        until_ms = now + call('PTTL', key('loaded:' .. claim))
      end
      if until_ms and until_ms < math.huge and (wait < 0 or until_ms - now < wait) then
        wait = until_ms - now
      end
      if not until_ms then kept[#kept + 1] = call('HGET', batch, 'r' .. n) end
    end
    if #kept < count then
      call('UNLINK', batch)
      if #kept == 0 then return {0, wait, 0} end
      for at, request in ipairs(kept) do call('HSET', batch, 'r' .. at - 1, request) end
      count = #kept
    end
  end
  local submitted = text(now_usec())
  call('HSET', batch, 'force', force, 'ready', once, 'home', home, 'submitted', submitted, 'count', count,
       'left', count, 'running', 0, 'keep', keep, 'ttl', ttl, 'fed', 0)
  call('PERSIST', batch)
  call('ZADD', key('batches'), submitted, id)
  call('HINCRBY', counts, 'waiting', count)
  call('ZADD', key('unfed'), submitted, id)
  event('batch', id)
  if count == 0 then end_batch(id) end
  return {count, wait, feed(id, once == '1' and count or SLICE)}
end

-- More of a batch that was submitted; returns how many are left.
function commands.feed(id) return is_held() and 0 or feed(id, SLICE) end

local function wake(now)
  local resting = key('rest')
  local due = call('ZRANGE', resting, '-inf', text(now), 'BYSCORE', 'LIMIT', 0, 256)
  for _, member in ipairs(due) do
    local job, stream = member:match('^(%S+) (.*)$')
    call('ZREM', resting, member)
    enqueue(stream, job)
  end
  local first = call('ZRANGE', resting, 0, 0, 'WITHSCORES')
  return first[2] and math.max(0, first[2] - now) or -1
end

-- The next load, or the milliseconds until one that rests is due (-1: none rests).
function commands.next(consumer, home, load_id)
  local due = wake(now_ms())
  if is_held() then return due end
  local unfed = call('ZRANGE', key('unfed'), 0, 0)
  if unfed[1] then feed(unfed[1], SLICE) end
  local streams = home ~= '' and {home_stream(home), base} or {base}
  for _, stream in ipairs(streams) do
    for _ = 1, 1000 do
      local read = redis.pcall('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', 1, 'STREAMS', stream, '>')
      if read and read.err then
        ensure(stream)
        read = call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', 1, 'STREAMS', stream, '>')
      end
      if not read then break end
      local taken = take(stream, read[1][2][1][1], consumer, load_id)
      if taken then return taken end
    end
  end
  return due
end

-- What a blocking XREADGROUP handed out.
function commands.take(stream, entry, consumer, load_id)
  return take(stream, entry, consumer, load_id) or -1
end

-- Consumers that have nothing and have not asked for long are those of workers that
-- ended without a word; one that does come back is made again. (XINFO may be forbidden.)
local function sweep(stream, idle_ms)
  local found = redis.pcall('XINFO', 'CONSUMERS', stream, GROUP)
  local left = 64
  if type(found) ~= 'table' or found.err then return end
  for _, consumer in ipairs(found) do
    local told = {}
    for at = 1, #consumer, 2 do told[consumer[at]] = consumer[at + 1] end
    if left > 0 and told.pending == 0 and told.idle > idle_ms then
      call('XGROUP', 'DELCONSUMER', stream, GROUP, told.name)
      left = left - 1
    end
  end
end

-- What is pending in the streams that `home` takes from ("*": in all): {stream, entry, consumer, idle}.
-- Loads that only a directory that nobody has seen for long could do are ended; consumers that
-- have not asked for `idle_ms` and hold nothing are forgotten.
function commands.look(home, idle_ms)
  local now, pending = now_ms(), {}
  local streams = {base}
  if home == '*' then
    for _, any in ipairs(call('ZRANGE', key('homes'), 0, -1)) do streams[#streams + 1] = home_stream(any) end
  elseif home ~= '' then
    call('ZADD', key('homes'), text(now), home)
    streams[2] = home_stream(home)
  end
  for _, stream in ipairs(streams) do
    ensure(stream)
    for _, found in ipairs(call('XPENDING', stream, GROUP, 'IDLE', 400, '-', '+', 256)) do
      pending[#pending + 1] = {stream, found[1], found[2], found[3]}
    end
  end
  local looked = tonumber(call('HGET', key('counts'), 'looked')) or 0
  local swept = tonumber(call('HGET', key('counts'), 'swept')) or 0
  if now - swept > tonumber(idle_ms) then
    for _, stream in ipairs(streams) do sweep(stream, tonumber(idle_ms)) end
    call('HSET', key('counts'), 'swept', text(now))
  end
  if now - looked > UNSEEN_MS then -- who sees a directory could not say so: they get their time anew
    for _, any in ipairs(call('ZRANGE', key('homes'), 0, -1)) do call('ZADD', key('homes'), 'XX', text(now), any) end
  end
  call('HSET', key('counts'), 'looked', text(now))
  for _, gone in ipairs(call('ZRANGE', key('homes'), '-inf', text(now - HOME_GONE_MS), 'BYSCORE', 'LIMIT', 0, 4)) do
    local stream = home_stream(gone)
    for _, found in ipairs(call('XRANGE', stream, '-', '+', 'COUNT', 256)) do
      local job = found[2][2]
      if is_alive(job) then
        end_unbegun(job, 'not_found', 'no worker sees the directory of this ticket any more')
      end
      ensure(stream)
      remove(stream, found[1])
    end
    if call('XLEN', stream) == 0 then
      call('UNLINK', stream)
      call('ZREM', key('homes'), gone)
    end
  end
  return pending
end

-- Take over from a consumer that is gone, or whose lease has run out.
function commands.claim(stream, entry, from, idle, consumer, load_id)
  local pending = call('XPENDING', stream, GROUP, entry, entry, 1)
  if #pending == 0 or pending[1][2] ~= from or pending[1][3] < tonumber(idle) then return -1 end
  call('XCLAIM', stream, GROUP, consumer, 0, entry, 'JUSTID')
  return take(stream, entry, consumer, load_id) or -1
end

-- Renew the lease; `progress` (JSON) may be empty. "mine", "held" (stop it), "lost", "gone".
-- Who is busy has no time to look(): that he sees `home` is said here, too.
function commands.renew(job, token, stream, entry, consumer, progress, home)
  if home ~= '' then call('ZADD', key('homes'), text(now_ms()), home) end
  local answer = standing(job, token)
  if answer ~= 'mine' then return answer end
  call('XCLAIM', stream, GROUP, consumer, 0, entry, 'JUSTID')
  if progress ~= '' then
    call('HSET', key('running'), job, progress)
    event('batch', (parts(job)))
  end
  return is_held() and 'held' or 'mine'
end

-- The end of a load. `verdict`: "done", "failed", "skipped"; "pause": failed, and to be left alone for a
-- while. `failure` is the error of a failed one.
function commands.finish(job, token, stream, entry, verdict, json, failure, ...)
  local answer = standing(job, token)
  if answer ~= 'mine' then return answer end
  local id, n = parts(job)
  local claim = request_of(key('batch:' .. id), n).claim
  local pause = key('pause:' .. claim)
  if verdict == 'pause' then
    local failures = tonumber((call('GET', pause) or '0'):match('^%d+')) + 1
    local length = math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ^ math.min(failures - 1, 20))
    call('SET', pause, text(failures) .. ' ' .. text(now_ms() + length), 'PX', text(2 * length + 60000))
  else
    call('DEL', pause)
  end
  if verdict == 'done' then call('SET', key('loaded:' .. claim), '', 'PX', LOADED_MS) end
  end_job(job, verdict == 'pause' and 'failed' or verdict, json, failure, {...})
  remove(stream, entry)
  return 'mine'
end

-- Not done: to be tried again after so many milliseconds by who sees `home` ("": by anyone;
-- "-": by who sees the directory in which it was submitted).
function commands.rest(job, token, stream, entry, milliseconds, home, settle)
  local answer = standing(job, token)
  if answer ~= 'mine' then return answer end
  local id, n = parts(job)
  local batch = key('batch:' .. id)
  -- Unless it was stopped under way, nothing was begun that would have to be looked after.
  if home ~= '' or tonumber(milliseconds) > 0 then
    local before = (call('HGET', batch, 'i' .. n) or ''):match('^(.*) %x+$')
    call('HDEL', batch, 'i' .. n)
    if before then call('HSET', batch, 'i' .. n, before) end
  end
  if home == '-' then home = call('HGET', batch, 'home') end
  set_back(job)
  if settle ~= '' then call('HSET', batch, 'w' .. n, settle) end
  remove(stream, entry)
  if tonumber(milliseconds) > 0 then
    call('ZADD', key('rest'), text(now_ms() + milliseconds), job .. ' ' .. home_stream(home))
  else
    enqueue(home_stream(home), job)
  end
  event('batch', id)
  return 'mine'
end

function commands.hold(holder, milliseconds)
  call('ZREMRANGEBYSCORE', key('holds'), '-inf', '(' .. text(now_ms()))
  call('ZADD', key('holds'), text(now_ms() + milliseconds), holder)
  return 1
end

function commands.resume(holder) return call('ZREM', key('holds'), holder) end

-- While the queue is held: end some of what waits. Returns how many waited, and how many run.
function commands.drop(consumer)
  local dropped = 0
  local streams = {base}
  for _, home in ipairs(call('ZRANGE', key('homes'), 0, -1)) do streams[#streams + 1] = home_stream(home) end
  for _, stream in ipairs(streams) do
    ensure(stream)
    local read = call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', SLICE, 'STREAMS', stream, '>')
    for _, found in ipairs(read and read[1][2] or {}) do
      drop(found[2][2])
      remove(stream, found[1])
      dropped = dropped + 1
    end
    pcall(call, 'XGROUP', 'DELCONSUMER', stream, GROUP, consumer)
  end
  local unfed = call('ZRANGE', key('unfed'), 0, 0)[1]
  if unfed then
    feed(unfed, SLICE)
    dropped = dropped + 1 -- come again
  end
  for _, member in ipairs(call('ZRANGE', key('rest'), 0, SLICE - 1)) do
    drop(member:match('^%S+'))
    call('ZREM', key('rest'), member)
    dropped = dropped + 1
  end
  for _, replica in ipairs(call('SMEMBERS', key('behind'))) do
    local list = key('behind:' .. replica)
    for _, waiting in ipairs(call('LRANGE', list, 0, SLICE - 1)) do
      drop(waiting:match('^%S+'))
      dropped = dropped + 1
    end
    call('LTRIM', list, SLICE, -1)
    if call('EXISTS', list) == 0 then call('SREM', key('behind'), replica) end
  end
  return {dropped, tonumber(call('HGET', key('counts'), 'running') or 0)}
end

-- A consumer leaves; what it has not given back is taken over by others.
function commands.leave(consumer, home)
  for _, stream in ipairs(home ~= '' and {base, home_stream(home)} or {base}) do
    ensure(stream)
    if #call('XPENDING', stream, GROUP, '-', '+', 1, consumer) == 0 then
      call('XGROUP', 'DELCONSUMER', stream, GROUP, consumer)
    end
  end
  return 1
end

local command = commands[ARGV[1]]
if not command then return redis.error_reply('ERR no such function') end
return command(unpack(ARGV, 2))
