/* The option table, and how to find one's way in it. */
#include "config/internal.h"

#include <assert.h>
#include <string.h>

#include "base/num.h"

#define KIB 1024.0
#define MIB (1024.0 * KIB)
#define GIB (1024.0 * MIB)
#define HOUR 3600.0
#define DAY (24 * HOUR)
#define SCALE_BOUND 1e100 /* either way; far from where a width or a factor overflows */

#define CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct slc_option options[] = {
    {.key = "redis.url",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 2048,
     .flags = SLC_OPTION_URL,
     .check = slc_option_check_redis_url,
     .help = "The Redis server: redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, or "
             "unix:///PATH. Empty: sluice starts a private server under the state directory and "
             "stops it with itself. The old variables RED_PORT and PASS make the URL of that port "
             "on 127.0.0.1."},
    {.key = "redis.timeout_ms",
     .kind = SLC_OPTION_INT,
     .default_text = "5000",
     .min = 1,
     .max = 3600000,
     .help = "How long to wait for a connection or an answer, in milliseconds."},
    {.key = "redis.patience",
     .kind = SLC_OPTION_DURATION,
     .default_text = "60",
     .min = 0,
     .max = 7 * DAY,
     .help = "How long a load waits and tries again, with growing pauses, while Redis is away."},
    {.key = "redis.protocol",
     .kind = SLC_OPTION_INT,
     .default_text = "2",
     .min = 2,
     .max = 3,
     .help = "The protocol to speak: 2 (RESP2, any server) or 3 (RESP3, from Redis 6 on)."},
    {.key = "redis.cluster",
     .kind = SLC_OPTION_ENUM,
     .default_text = "auto",
     .choices = CHOICES("auto", "true", "false"),
     .help = "Whether the server of a redis:// or rediss:// URL is one of a Redis Cluster's, and "
             "the URL means all of it: auto asks the server, true and false know."},
    {.key = "redis.tls_ca_file",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "For rediss://: a file of the authorities (PEM) whose certificates are believed. "
             "With neither this nor redis.tls_ca_dir: the system's."},
    {.key = "redis.tls_ca_dir",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "The same as a directory, as openssl rehash makes it."},
    {.key = "redis.tls_cert_file",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "The client's certificate and its chain (PEM), for a server that wants one."},
    {.key = "redis.tls_key_file",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "The key to redis.tls_cert_file (PEM). Empty: it stands in that file."},
    {.key = "redis.tls_key_passphrase",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 1023,
     .flags = SLC_OPTION_SECRET,
     .help = "The passphrase of that key, if it has one."},
    {.key = "redis.tls_server_name",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 255,
     .help = "The name to ask for (SNI) and to find in the server's certificate. Empty: the host "
             "in the URL."},
    {.key = "redis.tls_verify",
     .kind = SLC_OPTION_BOOL,
     .default_text = "true",
     .help = "Check the server's certificate and its name. Off, anyone who can get in between "
             "reads and changes what is sent, the password included."},
    {.key = "redis.sentinel_user",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 255,
     .help = "The user for the sentinels of redis+sentinel://; the URL's login is the master's."},
    {.key = "redis.sentinel_password",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .flags = SLC_OPTION_SECRET,
     .help = "The password for the sentinels, if they want one."},
    {.key = "redis.wait_replicas",
     .kind = SLC_OPTION_INT,
     .default_text = "0",
     .min = 0,
     .max = 100,
     .help = "After a load wait until this many of Redis' replicas have it, too (WAIT). With fewer "
             "the load is done all the same, with a warning. 0: do not wait."},
    {.key = "redis.wait_timeout_ms",
     .kind = SLC_OPTION_INT,
     .default_text = "10000",
     .min = 1,
     .max = 3600000,
     .help = "How long redis.wait_replicas waits, in milliseconds."},
    {.key = "redis.read_from_replicas",
     .kind = SLC_OPTION_BOOL,
     .default_text = "false",
     .help = "Read rows and metadata from one of Redis' replicas, from the master when none "
             "answers. What was just loaded may show there a moment later."},
    {.key = "redis.max_block_usec",
     .kind = SLC_OPTION_INT,
     .default_text = "1000",
     .min = 50,
     .max = 1000000,
     .help = "For how long, about, one command of a load may hold other clients of Redis up, in "
             "microseconds."},
    {.key = "redis.window_bytes",
     .kind = SLC_OPTION_SIZE,
     .default_text = "4MiB",
     .min = 64 * KIB,
     .max = GIB,
     .help = "How many bytes of commands may be on their way before an answer has come back."},

    {.key = "http.bind",
     .kind = SLC_OPTION_TEXT,
     .default_text = "127.0.0.1",
     .min = 1,
     .max = 255,
     .old_variable = "HOST",
     .check = slc_option_check_no_space,
     .help = "The address to listen on; 0.0.0.0 or :: is every interface."},
    {.key = "http.port",
     .kind = SLC_OPTION_INT,
     .default_text = "8003",
     .min = 1,
     .max = 65535,
     .old_variable = "APP_PORT",
     .help = "The TCP port to listen on."},
    {.key = "http.workers",
     .kind = SLC_OPTION_INT,
     .default_text = "4",
     .min = 1,
     .max = 64,
     .help = "How many processes answer requests."},
    {.key = "http.threads",
     .kind = SLC_OPTION_INT,
     .default_text = "4",
     .min = 1,
     .max = 256,
     .help =
         "How many threads each of them has: for connections (as many as there are processors for "
         "all workers together, at most half), and for calls that wait."},
    {.key = "http.max_body_bytes",
     .kind = SLC_OPTION_SIZE,
     .default_text = "64KiB",
     .min = KIB,
     .max = 64 * MIB,
     .help = "The longest request body that is read; a longer one is answered with 413."},
    {.key = "http.max_connections",
     .kind = SLC_OPTION_INT,
     .default_text = "1024",
     .min = 1,
     .max = 1000000,
     .help = "How many connections may be open at the same time, in all workers together."},
    {.key = "http.max_connections_per_address",
     .kind = SLC_OPTION_INT,
     .default_text = "256",
     .min = 0,
     .max = 1000000,
     .help = "The same for one client address (of IPv6, one /64 network); 0 is no bound of its "
             "own. The addresses in http.trusted_proxies have none."},
    {.key = "http.max_header_bytes",
     .kind = SLC_OPTION_SIZE,
     .default_text = "16KiB",
     .min = KIB,
     .max = MIB,
     .help = "The longest request line and headers together; longer ones are answered with 431."},
    {.key = "http.max_url_bytes",
     .kind = SLC_OPTION_SIZE,
     .default_text = "8KiB",
     .min = 256,
     .max = MIB,
     .help = "The longest request target; a longer one is answered with 414."},
    {.key = "http.timeout",
     .kind = SLC_OPTION_DURATION,
     .default_text = "30",
     .min = 1,
     .max = DAY,
     .help = "A connection on which nothing moves for so long is closed."},
    {.key = "http.header_timeout",
     .kind = SLC_OPTION_DURATION,
     .default_text = "10",
     .min = 0.1,
     .max = DAY,
     .help = "How long the headers of a request may take to arrive, however they trickle."},
    {.key = "http.body_timeout",
     .kind = SLC_OPTION_DURATION,
     .default_text = "30",
     .min = 0.1,
     .max = DAY,
     .help = "How long the body of a request may take to arrive, however it trickles."},
    {.key = "http.tls_cert_file",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "A file with the server's certificate and those that vouch for it (PEM): speak "
             "HTTPS. Needs http.tls_key_file."},
    {.key = "http.tls_key_file",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "The file with the certificate's private key (PEM)."},
    {.key = "http.trusted_proxies",
     .kind = SLC_OPTION_LIST,
     .default_text = "[]",
     .max = 256,
     .check = slc_option_check_network,
     .help = "The proxies whose X-Forwarded-For, -Proto and -Host are believed: addresses or "
             "networks."},
    {.key = "http.allowed_hosts",
     .kind = SLC_OPTION_LIST,
     .default_text = "[]",
     .max = 100,
     .check = slc_option_check_host,
     .help = "The names by which the service may be called (Host); .example.org is every one "
             "below it, * any. Addresses, names without a dot or below localhost, local, internal "
             "or home.arpa, "
             "and this machine's name always may. Other names are answered 421, or, with an empty "
             "list, only "
             "miss the approval by address: a foreign page could point one at this service."},

    {.key = "load.workers",
     .kind = SLC_OPTION_INT,
     .default_text = "2",
     .min = 1,
     .max = 64,
     .help = "How many processes load files, each one at a time: with two a small file need not "
             "wait for a large one."},
    {.key = "load.threads",
     .kind = SLC_OPTION_INT,
     .default_text = "0",
     .min = 0,
     .max = 64,
     .help = "How many threads read and transform one file. 0: one for each core, at most 64."},
    {.key = "load.nice",
     .kind = SLC_OPTION_INT,
     .default_text = "5",
     .min = 0,
     .max = 19,
     .help =
         "How far the threads that read and transform a file stand back (nice(2)) for what else "
         "runs on the machine, such as Redis and those who ask it."},
    {.key = "load.memory",
     .kind = SLC_OPTION_SIZE,
     .default_text = "128MiB",
     .min = 16 * MIB,
     .max = 1024 * GIB,
     .help = "The memory that reading, profiling and the queue between them may hold."},
    {.key = "load.keep",
     .kind = SLC_OPTION_SIZE,
     .default_text = "128MiB",
     .min = 0,
     .max = 1024 * GIB,
     .help =
         "The memory in which a load keeps rows that it has read, so that it need not read them "
         "twice: the whole of a table that fits, else its last part. 0: none."},
    {.key = "load.chunk_bytes",
     .kind = SLC_OPTION_SIZE,
     .default_text = "512KiB",
     .min = 64 * KIB,
     .max = 16 * MIB,
     .help = "How much of a file one thread takes up at a time."},

    {.key = "load.attempts",
     .kind = SLC_OPTION_INT,
     .default_text = "3",
     .min = 1,
     .max = 100,
     .help = "How often a load is begun whose worker ended before it was done; then its ticket "
             "is FAILED."},
    {.key = "load.lease",
     .kind = SLC_OPTION_DURATION,
     .default_text = "15",
     .min = 1,
     .max = DAY,
     .help = "A load whose worker has not been heard of for so long is taken over by another "
             "one. A worker that ended on the same machine is noticed within about a second."},
    {.key = "load.waiting_max",
     .kind = SLC_OPTION_INT,
     .default_text = "200000",
     .min = 1,
     .max = 10000000,
     .help = "How many loads may wait and run at a time, of all services of one registry; a "
             "request for more is answered 503."},
    {.key = "load.history",
     .kind = SLC_OPTION_INT,
     .default_text = "256",
     .min = 1,
     .max = 100000,
     .help = "How many requests for loads that are over can still be asked about."},
    {.key = "load.history_ttl",
     .kind = SLC_OPTION_DURATION,
     .default_text = "604800",
     .min = 1,
     .max = 3650 * DAY,
     .help = "For how long a request for loads that is over can be asked about."},

    {.key = "source.stream_dir",
     .kind = SLC_OPTION_TEXT,
     .default_text = "./IN_STREAM",
     .min = 1,
     .max = 4095,
     .old_variable = "STREAM_DIR",
     .help = "The directory in which data files and their tickets arrive."},
    {.key = "source.settle_ms",
     .kind = SLC_OPTION_INT,
     .default_text = "200",
     .min = 0,
     .max = 3600000,
     .help = "A data file is read when its size and time have rested for so long, in milliseconds, "
             "or when they match its ticket."},
    {.key = "source.poll_ms",
     .kind = SLC_OPTION_INT,
     .default_text = "1000",
     .min = 10,
     .max = 3600000,
     .help = "How often the stream directory is looked at, in milliseconds."},

    {.key = "state_dir",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .flags = SLC_OPTION_PLAIN,
     .help = "Where sluice keeps the hash of its key, mails on their way and the private server's "
             "data. Empty: "
             "$XDG_STATE_HOME/sluice, else $HOME/.local/state/sluice, else /var/lib/sluice."},
    {.key = "watch",
     .kind = SLC_OPTION_BOOL,
     .default_text = "false",
     .help = "Register and load tickets as they arrive."},
    {.key = "pid_file",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4000,
     .help = "A file for the process id of the service's master; empty: none."},
    {.key = "graceful_timeout",
     .kind = SLC_OPTION_DURATION,
     .default_text = "30",
     .min = 0,
     .max = DAY,
     .help = "How long work in flight may go on after the order to stop."},

    {.key = "store.layout",
     .kind = SLC_OPTION_ENUM,
     .default_text = "rows",
     .choices = CHOICES("rows", "packed", "columns", "keys", "json"),
     .flags = SLC_OPTION_PER_FILE,
     .help =
         "How a replica lies in Redis: rows is one hash, row key to JSON array of values; packed "
         "has the same in small hashes of about a hundred rows each, which load faster and take "
         "less memory; columns is a value a chunk as an Arrow IPC stream, which pandas, Polars "
         "and DuckDB read whole; keys is a hash a row with a field a column; json is an object a "
         "row. See docs/layouts.md."},
    {.key = "store.ttl_seconds",
     .kind = SLC_OPTION_INT,
     .default_text = "0",
     .min = 0,
     .max = INT32_MAX,
     .flags = SLC_OPTION_PER_FILE,
     .help =
         "For how long the rows of the layouts keys and json stay after they were written; 0 is "
         "for good. The other layouts do not look at it."},
    {.key = "store.registry_key",
     .kind = SLC_OPTION_TEXT,
     .default_text = "REPLICA_REGISTRY",
     .min = 1,
     .max = 255,
     .old_variable = "REPLICA_REGISTRY",
     .check = slc_option_check_no_space,
     .help = "The Redis list that holds the names of the replicas."},
    {.key = "store.lease",
     .kind = SLC_OPTION_DURATION,
     .default_text = "60",
     .min = 1,
     .max = DAY,
     .help = "How long a load that stands still keeps the right to replace its replica. Loads of "
             "one replica wait for each other, up to redis.patience."},
    {.key = "store.on_duplicate",
     .kind = SLC_OPTION_ENUM,
     .default_text = "last",
     .choices = CHOICES("last", "first", "fail"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "Of rows with equal keys keep the last or the first, or refuse the file."},

    {.key = "store.pairs_per_command",
     .kind = SLC_OPTION_INT,
     .default_text = "512",
     .min = 1,
     .max = 65536,
     .help = "How many rows one HSET carries. More is faster up to some hundreds; one command "
             "holds Redis up as long as it takes."},

    {.key = "reader.delimiter",
     .kind = SLC_OPTION_CHARACTER,
     .default_text = "auto",
     .choices = CHOICES("auto"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "What separates the fields; auto finds out among , ; tab and |."},
    {.key = "reader.quote",
     .kind = SLC_OPTION_CHARACTER,
     .default_text = "\"",
     .flags = SLC_OPTION_PER_FILE,
     .check = slc_option_check_quote,
     .help = "What encloses a field that holds delimiters or line ends; doubled inside."},
    {.key = "reader.escape",
     .kind = SLC_OPTION_CHARACTER,
     .default_text = "none",
     .choices = CHOICES("none"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "What makes the next character of a delimited file text, in quotes and outside, as "
             "escapechar of pandas' read_csv. Reading is slower with it."},
    {.key = "reader.comment",
     .kind = SLC_OPTION_CHARACTER,
     .default_text = "none",
     .choices = CHOICES("none"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "Lines of a delimited file that start with it are left out; behind a field it is "
             "text. Reading is slower with it."},
    {.key = "reader.columns",
     .kind = SLC_OPTION_LIST,
     .default_text = "[]",
     .max = 16384,
     .flags = SLC_OPTION_PER_FILE,
     .check = slc_option_check_name,
     .help = "The columns to read, by name, as if the file had no others. Empty: all."},
    {.key = "reader.dtypes",
     .kind = SLC_OPTION_LIST,
     .default_text = "[]",
     .max = 16384,
     .flags = SLC_OPTION_PER_FILE,
     .check = slc_option_check_dtype,
     .help = "Types that are given instead of found out: NAME:TYPE with bool, int64, uint64, "
             "float64, date, datetime or text. A row with a value that the type cannot hold is "
             "rejected."},
    {.key = "reader.types",
     .kind = SLC_OPTION_ENUM,
     .default_text = "sluice",
     .choices = CHOICES("sluice", "pandas"),
     .flags = SLC_OPTION_PER_FILE,
     .help =
         "Whose choice the columns' types are where the two differ: with pandas, as its "
         "read_csv has it, whole numbers with gaps are float64, leading zeros are dropped, dates "
         "are text."},
    {.key = "reader.leading_zeros",
     .kind = SLC_OPTION_ENUM,
     .default_text = "text",
     .choices = CHOICES("text", "number"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "Whether 007 makes its column text or is the number 7, as in pandas."},
    {.key = "reader.invalid_utf8",
     .kind = SLC_OPTION_ENUM,
     .default_text = "reject",
     .choices = CHOICES("reject", "replace"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "A row with bytes that are no text in the file's encoding is rejected, or U+FFFD "
             "takes their place."},
    {.key = "reader.header",
     .kind = SLC_OPTION_ENUM,
     .default_text = "auto",
     .choices = CHOICES("auto", "yes", "no"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "Whether the first row names the columns; auto finds out."},
    {.key = "reader.encoding",
     .kind = SLC_OPTION_ENUM,
     .default_text = "auto",
     .choices = CHOICES("auto", "utf-8", "utf-16le", "utf-16be", "latin-1"),
     .flags = SLC_OPTION_PER_FILE,
     .help =
         "The encoding of text files; auto goes by the byte order mark and is UTF-8 without one."},
    {.key = "reader.skip_rows",
     .kind = SLC_OPTION_INT,
     .default_text = "0",
     .min = 0,
     .max = 1000000,
     .flags = SLC_OPTION_PER_FILE,
     .help =
         "How many lines of a delimited file or of JSON, or rows of a sheet, to leave out before "
         "its first row."},
    {.key = "reader.decimal",
     .kind = SLC_OPTION_CHARACTER,
     .default_text = ".",
     .flags = SLC_OPTION_PER_FILE,
     .help = "The decimal sign in the numbers of delimited files."},
    {.key = "reader.thousands",
     .kind = SLC_OPTION_CHARACTER,
     .default_text = "none",
     .choices = CHOICES("none"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "What stands between groups of digits in the numbers of delimited files."},
    {.key = "reader.sheet",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 255,
     .flags = SLC_OPTION_PER_FILE,
     .help = "The sheet of a workbook, by name or by position from 1. Empty: the first that is not "
             "hidden. A ticket's sheet goes before it."},
    {.key = "reader.na_values",
     .kind = SLC_OPTION_LIST,
     .default_text = "[]",
     .max = 1024,
     .flags = SLC_OPTION_PER_FILE,
     .help = "Further texts that mean a missing value, beside the default ones."},
    {.key = "reader.keep_default_na",
     .kind = SLC_OPTION_BOOL,
     .default_text = "true",
     .flags = SLC_OPTION_PER_FILE,
     .help = "Whether the empty field, NA, NaN, null, None and so on mean a missing value, as in "
             "pandas' read_csv."},
    {.key = "reader.on_bad_row",
     .kind = SLC_OPTION_ENUM,
     .default_text = "reject",
     .choices = CHOICES("reject", "fail"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "A row that cannot be taken, as one of the wrong width, goes to NAME.rejects.csv, or "
             "the whole file is refused."},
    {.key = "reader.spool_dir",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "The folder where what is piped in is kept until it is loaded, in a file that has no "
             "name and goes with the program. Empty: $TMPDIR, else the state directory."},
    {.key = "reader.spool_max_bytes",
     .kind = SLC_OPTION_SIZE,
     .default_text = "100GiB",
     .min = 1,
     .max = 1024 * GIB,
     .help = "The most that is taken from a pipe."},

    {.key = "prep.json_repair",
     .kind = SLC_OPTION_BOOL,
     .default_text = "true",
     .flags = SLC_OPTION_PER_FILE,
     .help = "Turn Python-style objects and arrays in text columns into JSON."},
    {.key = "prep.impute",
     .kind = SLC_OPTION_ENUM,
     .default_text = "mean",
     .choices = CHOICES("mean", "median", "most_frequent", "constant", "none", "auto"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "What takes the place of missing numbers, as scikit-learn's SimpleImputer; auto is "
             "the median where a column is skewed, else the mean."},
    {.key = "prep.impute_value",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 65536,
     .flags = SLC_OPTION_PER_FILE,
     .help = "The value for impute: constant. Empty: 0 for numbers, no text for text."},
    {.key = "prep.scale",
     .kind = SLC_OPTION_ENUM,
     .default_text = "minmax",
     .choices = CHOICES("minmax", "standard", "maxabs", "robust", "none"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "How numbers are scaled, as scikit-learn's scalers; the index column and booleans "
             "never are."},
    {.key = "prep.scale_min",
     .kind = SLC_OPTION_NUMBER,
     .default_text = "0",
     .min = -SCALE_BOUND,
     .max = SCALE_BOUND,
     .flags = SLC_OPTION_PER_FILE,
     .help = "What minmax makes of a column's smallest value, as feature_range of scikit-learn's "
             "MinMaxScaler."},
    {.key = "prep.scale_max",
     .kind = SLC_OPTION_NUMBER,
     .default_text = "1",
     .min = -SCALE_BOUND,
     .max = SCALE_BOUND,
     .flags = SLC_OPTION_PER_FILE,
     .help = "What minmax makes of a column's largest value; above prep.scale_min."},
    {.key = "prep.scale_clip",
     .kind = SLC_OPTION_BOOL,
     .default_text = "false",
     .flags = SLC_OPTION_PER_FILE,
     .help = "Whether minmax keeps what is outside of the range that a plan was fitted on within "
             "prep.scale_min and prep.scale_max, as clip of scikit-learn's MinMaxScaler."},
    {.key = "prep.drop_constant",
     .kind = SLC_OPTION_BOOL,
     .default_text = "false",
     .flags = SLC_OPTION_PER_FILE,
     .help = "Leave out columns that hold one value or none."},
    {.key = "prep.drop_duplicated",
     .kind = SLC_OPTION_BOOL,
     .default_text = "false",
     .flags = SLC_OPTION_PER_FILE,
     .help = "Leave out columns that equal an earlier one in every row."},
    {.key = "prep.downcast",
     .kind = SLC_OPTION_ENUM,
     .default_text = "on",
     .choices = CHOICES("on", "off", "lossy"),
     .flags = SLC_OPTION_PER_FILE,
     .help = "Use the smallest type that holds a column; lossy also forces float32."},
    {.key = SLC_COLUMN_PREFIX "NAME.impute",
     .kind = SLC_OPTION_ENUM,
     .default_text = "",
     .choices = CHOICES("mean", "median", "most_frequent", "constant", "none", "auto"),
     .flags = SLC_OPTION_PER_FILE | SLC_OPTION_PER_COLUMN,
     .help = "prep.impute for the column NAME alone."},
    {.key = SLC_COLUMN_PREFIX "NAME.impute_value",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 65536,
     .flags = SLC_OPTION_PER_FILE | SLC_OPTION_PER_COLUMN,
     .help = "prep.impute_value for the column NAME alone."},
    {.key = SLC_COLUMN_PREFIX "NAME.scale",
     .kind = SLC_OPTION_ENUM,
     .default_text = "",
     .choices = CHOICES("minmax", "standard", "maxabs", "robust", "none"),
     .flags = SLC_OPTION_PER_FILE | SLC_OPTION_PER_COLUMN,
     .help = "prep.scale for the column NAME alone."},
    {.key = SLC_COLUMN_PREFIX "NAME.scale_min",
     .kind = SLC_OPTION_NUMBER,
     .default_text = "",
     .min = -SCALE_BOUND,
     .max = SCALE_BOUND,
     .flags = SLC_OPTION_PER_FILE | SLC_OPTION_PER_COLUMN,
     .help = "prep.scale_min for the column NAME alone."},
    {.key = SLC_COLUMN_PREFIX "NAME.scale_max",
     .kind = SLC_OPTION_NUMBER,
     .default_text = "",
     .min = -SCALE_BOUND,
     .max = SCALE_BOUND,
     .flags = SLC_OPTION_PER_FILE | SLC_OPTION_PER_COLUMN,
     .help = "prep.scale_max for the column NAME alone."},
    {.key = SLC_COLUMN_PREFIX "NAME.scale_clip",
     .kind = SLC_OPTION_BOOL,
     .default_text = "",
     .flags = SLC_OPTION_PER_FILE | SLC_OPTION_PER_COLUMN,
     .help = "prep.scale_clip for the column NAME alone."},
    {.key = SLC_COLUMN_PREFIX "NAME.json_repair",
     .kind = SLC_OPTION_BOOL,
     .default_text = "",
     .flags = SLC_OPTION_PER_FILE | SLC_OPTION_PER_COLUMN,
     .help = "prep.json_repair for the column NAME alone."},
    {.key = SLC_COLUMN_PREFIX "NAME.downcast",
     .kind = SLC_OPTION_ENUM,
     .default_text = "",
     .choices = CHOICES("on", "off", "lossy"),
     .flags = SLC_OPTION_PER_FILE | SLC_OPTION_PER_COLUMN,
     .help = "prep.downcast for the column NAME alone."},
    {.key = SLC_COLUMN_PREFIX "NAME.drop",
     .kind = SLC_OPTION_BOOL,
     .default_text = "",
     .flags = SLC_OPTION_PER_FILE | SLC_OPTION_PER_COLUMN,
     .help = "Leave the column NAME out."},

    {.key = "auth.key",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4096,
     .flags = SLC_OPTION_SECRET,
     .help = "The key that callers must know. Empty: the first start makes one, prints it once and "
             "keeps its hash in the state directory."},
    {.key = "auth.session_ttl",
     .kind = SLC_OPTION_DURATION,
     .default_text = "600",
     .min = 0,
     .max = 30 * DAY,
     .help = "How long an approval also counts for other calls from the same address, for clients "
             "that keep no cookie. 0: not at all."},
    {.key = "auth.ssh_public_key",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "A public key file whose SHA256 fingerprint is accepted as a key, as the old service "
             "did. A public key's fingerprint is no secret: leave it empty where you can."},

    {.key = "wallet.path",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .flags = SLC_OPTION_PLAIN,
     .help =
         "The encrypted file of `sluice wallet`, for ${wallet:NAME} in any value. Empty: wallet "
         "in the state directory."},
    {.key = "wallet.passphrase_file",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .flags = SLC_OPTION_PLAIN,
     .help = "The file that holds the wallet's passphrase. Empty: the systemd credential or "
             "container secret sluice-wallet, the key of that name in the session keyring, else a "
             "terminal is asked."},
    {.key = "wallet.secret_service",
     .kind = SLC_OPTION_BOOL,
     .default_text = "false",
     .flags = SLC_OPTION_PLAIN,
     .help = "Ask the desktop's Secret Service (service \"sluice\", username NAME, as Python's "
             "keyring keeps them) for names that the wallet does not have."},

    {.key = "mail.url",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 2048,
     .flags = SLC_OPTION_URL,
     .check = slc_option_check_mail_url,
     .help = "The mail server for reports: smtp://[USER:PASSWORD@]HOST[:PORT] (STARTTLS, see "
             "mail.tls) or smtps:// (TLS from the start). Empty: no mails."},
    {.key = "mail.user",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 256,
     .help = "The name to log in to the mail server with. Empty: that of mail.url, else no login."},
    {.key = "mail.password",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4096,
     .flags = SLC_OPTION_SECRET,
     .help = "The password for it; better ${wallet:smtp} than here."},
    {.key = "mail.tls",
     .kind = SLC_OPTION_ENUM,
     .default_text = "starttls",
     .choices = CHOICES("starttls", "none"),
     .help = "With smtp://: starttls insists on encryption, none sends everything in the clear."},
    {.key = "mail.ca_file",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "A PEM file of the authorities that the mail server's certificate is checked against. "
             "Empty: the system's."},
    {.key = "mail.from",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 512,
     .help =
         "The sender: NAME@DOMAIN or TEXT <NAME@DOMAIN>. Empty: sluice at this machine's name."},
    {.key = "mail.to",
     .kind = SLC_OPTION_LIST,
     .default_text = "[]",
     .max = 20,
     .help = "Who gets a report of every batch of loads, whoever asked for it."},
    {.key = "mail.when",
     .kind = SLC_OPTION_ENUM,
     .default_text = "always",
     .choices = CHOICES("always", "problems"),
     .help =
         "When those of mail.to are written to: always, or only when a load failed or rows were "
         "rejected."},
    {.key = "mail.allow_domains",
     .kind = SLC_OPTION_LIST,
     .default_text = "[]",
     .max = 100,
     .check = slc_option_check_no_space,
     .help = "The domains to which callers may have reports sent (email= of /loadDf2redis); "
             ".example.org is every one below it. Empty: any."},
    {.key = "mail.timeout",
     .kind = SLC_OPTION_DURATION,
     .default_text = "60",
     .min = 1,
     .max = HOUR,
     .help = "How long one mail may take on its way to the server."},
    {.key = "mail.retry_after",
     .kind = SLC_OPTION_DURATION,
     .default_text = "30",
     .min = 0.05,
     .max = HOUR,
     .help =
         "The pause before a mail that could not be sent is tried again; it doubles each time, up "
         "to an hour."},
    {.key = "mail.give_up_after",
     .kind = SLC_OPTION_DURATION,
     .default_text = "86400",
     .min = 0,
     .max = 7 * DAY,
     .help = "How long a mail is tried before it has failed."},

    {.key = "limits.rate",
     .kind = SLC_OPTION_RATE,
     .default_text = "10/second",
     .max = 1000000,
     .help = "How many calls an address may make of each endpoint. 0: as many as it likes."},

    {.key = "log.level",
     .kind = SLC_OPTION_ENUM,
     .default_text = "info",
     .choices = CHOICES("debug", "info", "warning", "error"),
     .help = "The least severe events that are logged."},
    {.key = "log.format",
     .kind = SLC_OPTION_ENUM,
     .default_text = "auto",
     .choices = CHOICES("auto", "text", "json"),
     .help = "auto is text on a terminal, else one JSON object a line."},
    {.key = "log.file",
     .kind = SLC_OPTION_TEXT,
     .default_text = "",
     .max = 4095,
     .help = "The file that is appended to. Empty: standard error."},
};

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

/* In the order of enum slc_column_step. */
static const char *const step_names[SLC_COLUMN_STEPS] = {
    [SLC_COLUMN_IMPUTE] = "impute",
    [SLC_COLUMN_IMPUTE_VALUE] = "impute_value",
    [SLC_COLUMN_SCALE] = "scale",
    [SLC_COLUMN_SCALE_MIN] = "scale_min",
    [SLC_COLUMN_SCALE_MAX] = "scale_max",
    [SLC_COLUMN_SCALE_CLIP] = "scale_clip",
    [SLC_COLUMN_JSON_REPAIR] = "json_repair",
    [SLC_COLUMN_DOWNCAST] = "downcast",
    [SLC_COLUMN_DROP] = "drop",
};

size_t slc_option_count(void)
{
    return OPTIONS;
}

const struct slc_option *slc_option_at(size_t i)
{
    assert(i < OPTIONS);
    return &options[i];
}

const struct slc_option *slc_option_find(struct slc_str key)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (slc_str_is(key, options[i].key))
            return &options[i];
    return NULL;
}

static bool starts_with_part(struct slc_str key, struct slc_str section)
{
    return key.len > section.len && key.data[section.len] == '.' &&
           memcmp(key.data, section.data, section.len) == 0;
}

bool slc_option_is_section(struct slc_str key)
{
    if (starts_with_part(key, SLC_STR("prep.columns")))
        return true; /* any column's name */
    for (size_t i = 0; i < OPTIONS; i++)
        if (starts_with_part(slc_str_from(options[i].key), key))
            return true;
    return false;
}

/* "port" is as near to "http.port" as "http.prot" is: a forgotten section
 * costs one, whatever its length. */
const char *slc_option_nearest(struct slc_str key)
{
    const char *nearest = options[0].key;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < OPTIONS; i++) {
        const char *dot = strrchr(options[i].key, '.');
        size_t distance = slc_str_distance(key, slc_str_from(options[i].key));

        if (options[i].flags & SLC_OPTION_PER_COLUMN)
            continue;
        if (dot) {
            size_t bare = slc_str_distance(key, slc_str_from(dot + 1)) + 1;

            distance = bare < distance ? bare : distance;
        }
        if (distance < least) {
            least = distance;
            nearest = options[i].key;
        }
    }
    return nearest;
}

const char *slc_column_step_name(enum slc_column_step step)
{
    assert(step < SLC_COLUMN_STEPS);
    return step_names[step];
}

enum slc_column_step slc_column_step_find(struct slc_str step)
{
    for (int i = 0; i < SLC_COLUMN_STEPS; i++)
        if (slc_str_is(step, step_names[i]))
            return (enum slc_column_step)i;
    return SLC_COLUMN_STEPS;
}

const struct slc_option *slc_column_step_option(enum slc_column_step step)
{
    static const char prefix[] = SLC_COLUMN_PREFIX "NAME.";

    for (size_t i = 0; i < OPTIONS; i++)
        if ((options[i].flags & SLC_OPTION_PER_COLUMN) &&
            strcmp(options[i].key + sizeof(prefix) - 1, step_names[step]) == 0)
            return &options[i];
    abort(); /* every step has a row in the table */
}

const char *slc_option_kind_name(enum slc_option_kind kind)
{
    static const char *const names[] = {
        [SLC_OPTION_TEXT] = "text",     [SLC_OPTION_INT] = "integer",
        [SLC_OPTION_NUMBER] = "number", [SLC_OPTION_BOOL] = "boolean",
        [SLC_OPTION_ENUM] = "choice",   [SLC_OPTION_CHARACTER] = "character",
        [SLC_OPTION_SIZE] = "size",     [SLC_OPTION_DURATION] = "duration",
        [SLC_OPTION_RATE] = "rate",     [SLC_OPTION_LIST] = "list",
    };

    return names[kind];
}

static void list_choices(const struct slc_option *option, const char *before, struct slc_buf *buf)
{
    if (*before)
        slc_buf_append_text(buf, before);
    for (size_t i = 0; option->choices && option->choices[i]; i++) {
        if (i > 0 || *before)
            slc_buf_append_text(buf, option->choices[i + 1] ? ", " : " or ");
        slc_buf_append_text(buf, option->choices[i]);
    }
}

void slc_option_range(const struct slc_option *option, struct slc_buf *buf)
{
    switch (option->kind) {
    case SLC_OPTION_TEXT:
        if (option->min > 0)
            slc_buf_append_text(buf, "not empty");
        break;
    case SLC_OPTION_BOOL:
        slc_buf_append_text(buf, "true or false");
        break;
    case SLC_OPTION_ENUM:
        list_choices(option, "", buf);
        break;
    case SLC_OPTION_CHARACTER:
        list_choices(option, option->choices ? "one ASCII character, tab" : "one ASCII character",
                     buf);
        break;
    case SLC_OPTION_INT:
    case SLC_OPTION_NUMBER:
        slc_value_show_number(option->min, buf);
        slc_buf_append_text(buf, " to ");
        slc_value_show_number(option->max, buf);
        break;
    case SLC_OPTION_SIZE:
        slc_value_show_bytes((int64_t)option->min, buf);
        slc_buf_append_text(buf, " to ");
        slc_value_show_bytes((int64_t)option->max, buf);
        break;
    case SLC_OPTION_DURATION:
        slc_value_show_number(option->min, buf);
        slc_buf_append_text(buf, " to ");
        slc_value_show_number(option->max, buf);
        slc_buf_append_text(buf, " seconds");
        break;
    case SLC_OPTION_RATE:
        slc_buf_append_text(buf, "N/second, N/minute, N/hour or N/day; 0 is no limit");
        break;
    case SLC_OPTION_LIST:
        slc_buf_append_text(buf, "at most ");
        slc_value_show_number(option->max, buf);
        slc_buf_append_text(buf, " items");
        break;
    }
}

void slc_option_variable(const struct slc_option *option, struct slc_buf *buf)
{
    slc_buf_append_text(buf, "SLUICE_");
    for (const char *c = option->key; *c; c++)
        slc_buf_append_byte(buf, *c == '.'                ? '_'
                                 : *c >= 'a' && *c <= 'z' ? (char)(*c - ('a' - 'A'))
                                                          : *c);
}
