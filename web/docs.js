'use strict';
// The page is made of /openapi.json: what the server says of itself. Text from there is never read as HTML.

const byId = (id) => document.getElementById(id);

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === 'on') { for (const [event, act] of Object.entries(value)) node.addEventListener(event, act); }
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// `code` between backticks, the only mark-up that the descriptions have.
function prose(text) {
  return make('p', {}, ...String(text).split('`').map((part, i) => (i % 2 ? make('code', {}, part) : part)));
}

function typeOf(schema) {
  const parts = [[].concat(schema.type || 'any').join(' or ')];
  if (schema.minimum != null) parts.push(`${schema.minimum} to ${schema.maximum}`);
  if (schema.format) parts.push(schema.format);
  if (schema.default != null) parts.push(`${schema.default} unless given`);
  return parts.join(', ');
}

// What a body may look like: the required ones, and those that have an example.
function exampleOf(schema) {
  const body = {};
  for (const [name, part] of Object.entries(schema.properties || {})) {
    const required = (schema.required || []).includes(name);
    if (part.examples) body[name] = part.examples[0];
    else if (part.default != null) body[name] = part.default;
    else if (required) body[name] = part.type === 'boolean' ? false : part.type === 'integer' ? 1 : '';
  }
  return JSON.stringify(body, null, 2);
}

function field(parameter, inputs) {
  const input = make('input', {
    type: parameter.schema.type === 'integer' ? 'number' : 'text', name: parameter.name, autocomplete: 'off',
    min: parameter.schema.minimum, max: parameter.schema.maximum,
    placeholder: parameter.schema.default == null ? false : parameter.schema.default,
  });
  inputs.push({ parameter, input });
  return make('label', {}, make('code', {}, parameter.name, parameter.required ? make('b', { title: 'required' }, ' *') : null),
    input, make('small', {}, ...prose(`${parameter.description}. ${typeOf(parameter.schema)}`).childNodes));
}

function shellWord(text) {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}

function requestOf(call) {
  let path = call.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { parameter, input } of call.inputs) {
    const value = input.value;
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value === '') continue;
    else if (parameter.in === 'query') query.append(parameter.name, value);
    else headers[parameter.name] = value;
  }
  if ([...query].length) path += '?' + query;
  const key = byId('key').value.trim();
  if (key) headers.Authorization = 'Bearer ' + key;
  const body = call.body ? call.body.value : null;
  if (body) headers['Content-Type'] = 'application/json';
  return { method: call.method, path, headers, body };
}

function curlOf(request) {
  const words = ['curl -i'];
  if (request.method !== (request.body ? 'POST' : 'GET')) words.push('-X ' + request.method);
  for (const [name, value] of Object.entries(request.headers)) {
    words.push('-H ' + (name === 'Authorization' ? '"Authorization: Bearer $SLUICE_KEY"' : shellWord(`${name}: ${value}`)));
  }
  if (request.body) words.push('-d ' + shellWord(request.body));
  words.push(shellWord(location.origin + request.path));
  return words.join(' \\\n  ');
}

// Bodies that go on (server-sent events) are shown as they come.
async function readInto(answer, pre) {
  const kind = answer.headers.get('content-type') || '';
  if (!kind.startsWith('text/event-stream')) {
    const text = await answer.text();
    let shown = text;
    if (kind.startsWith('application/json')) {
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it is */ }
    }
    pre.textContent = shown.length > 200000 ? shown.slice(0, 200000) + '\n… (cut here)' : shown || '(no body)';
    return;
  }
  pre.textContent = '';
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    pre.textContent = (pre.textContent + value).slice(-200000);
    pre.scrollTop = pre.scrollHeight;
  }
}

async function send(call) {
  const missing = call.inputs.find(({ parameter, input }) => parameter.required && input.value === '');
  if (missing) { missing.input.focus(); missing.input.setAttribute('aria-invalid', 'true'); return; }
  const request = requestOf(call);
  const status = make('p', {}, 'waiting …');
  const pre = make('pre', { tabindex: '0' });
  const heads = make('pre', {});
  call.result.replaceChildren(make('h3', {}, 'Answer'), status, pre,
    make('details', { class: 'schema' }, make('summary', {}, 'Headers of the answer'), heads),
    make('details', { class: 'schema' }, make('summary', {}, 'The same with curl'), make('pre', {}, curlOf(request))));
  call.stop = new AbortController();
  call.button.disabled = true;
  call.cancel.hidden = false;
  const start = performance.now();
  try {
    const answer = await fetch(request.path, {
      method: request.method, headers: request.headers, body: request.body || undefined,
      signal: call.stop.signal, credentials: 'same-origin', cache: 'no-store',
    });
    status.replaceChildren(make('b', { class: answer.ok ? 'good' : 'bad' }, `${answer.status} ${answer.statusText}`),
      make('span', { class: 'soft' }, ` after ${Math.round(performance.now() - start)} ms`));
    heads.textContent = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    await readInto(answer, pre);
  } catch (error) {
    status.replaceChildren(make('b', { class: 'bad' }, error.name === 'AbortError' ? 'stopped' : `failed: ${error.message}`));
  } finally {
    call.button.disabled = false;
    call.cancel.hidden = true;
  }
}

function schemaName(content) {
  const ref = content && content.schema && content.schema.$ref;
  return ref ? ref.split('/').pop() : null;
}

function answersOf(operation, spec) {
  const table = make('table', {});
  for (const [status, answer] of Object.entries(operation.responses)) {
    const [kind, content] = Object.entries(answer.content || {})[0] || [];
    const name = schemaName(content);
    table.append(make('tr', {}, make('td', { class: status < 400 ? 'good' : 'bad' }, status), make('td', {},
      ...prose(answer.description).childNodes,
      kind && kind !== 'application/json' ? make('span', { class: 'soft' }, ' ', make('code', {}, kind)) : null,
      name ? make('details', { class: 'schema' }, make('summary', {}, name),
        make('pre', {}, JSON.stringify(spec.components.schemas[name], null, 2))) : null)));
  }
  return table;
}

function fill(holder, call, operation, spec) {
  const body = operation.requestBody && operation.requestBody.content['application/json'].schema;
  const form = make('form', { on: { submit: (event) => { event.preventDefault(); send(call); } } });
  for (const parameter of operation.parameters) form.append(field(parameter, call.inputs));
  if (body) {
    call.body = make('textarea', { spellcheck: 'false', 'aria-label': 'Body' });
    call.body.value = exampleOf(body);
    form.append(make('h3', {}, 'Body'), make('table', {}, ...Object.entries(body.properties).map(([name, part]) =>
      make('tr', {}, make('td', {}, name, (body.required || []).includes(name) ? ' *' : ''),
        make('td', {}, ...prose(`${part.description || ''}. ${typeOf(part)}`).childNodes)))), call.body);
  }
  call.button = make('button', { type: 'submit' }, 'Send');
  call.cancel = make('button', { type: 'button', class: 'quiet', hidden: true, on: { click: () => call.stop.abort() } }, 'Stop');
  form.append(make('div', { class: 'row' }, call.button, call.cancel,
    operation.security.length ? null : make('span', { class: 'soft' }, 'needs no key')));
  call.result = make('div', { 'aria-live': 'polite' });
  holder.append(operation.description ? prose(operation.description) : '', form, call.result,
    make('h3', {}, 'Answers'), answersOf(operation, spec));
}

function entry(method, path, operation, spec) {
  const call = { method: method.toUpperCase(), path, inputs: [] };
  const holder = make('div', {});
  const details = make('details', { class: 'call', id: operation.operationId },
    make('summary', {}, make('span', { class: 'method ' + call.method }, call.method), make('span', { class: 'path' }, path),
      make('span', { class: 'what' }, operation.summary)), holder);
  details.addEventListener('toggle', () => {
    if (details.open && !holder.hasChildNodes()) fill(holder, call, operation, spec);
  });
  details.dataset.words = `${call.method} ${path} ${operation.summary} ${operation.operationId}`.toLowerCase();
  return details;
}

function search() {
  const words = byId('search').value.toLowerCase().split(/\s+/);
  for (const section of document.querySelectorAll('main section')) {
    let any = false;
    for (const call of section.querySelectorAll('details.call')) {
      call.hidden = !words.every((word) => call.dataset.words.includes(word));
      any = any || !call.hidden;
    }
    section.hidden = !any;
  }
}

function openNamed() {
  const named = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
  if (named) { named.open = true; named.scrollIntoView(); }
}

async function start() {
  const list = byId('list');
  let spec;
  try {
    spec = await (await fetch('openapi.json')).json();
  } catch (error) {
    list.replaceChildren(make('p', { class: 'bad' }, `openapi.json cannot be read: ${error.message}`));
    return;
  }
  byId('version').textContent = spec.info.version;
  list.replaceChildren(...spec.tags.map((tag) => make('section', {}, make('h2', {}, tag.name),
    make('p', { class: 'soft' }, tag.description),
    ...Object.entries(spec.paths).flatMap(([path, methods]) => Object.entries(methods)
      .filter(([, operation]) => operation.tags.includes(tag.name))
      .map(([method, operation]) => entry(method, path, operation, spec))))));
  byId('search').addEventListener('input', search);
  addEventListener('hashchange', openNamed);
  openNamed();
}

start();
