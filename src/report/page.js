// Sorting the overview and filtering columns; the page is whole without it.
(() => {
  const $ = id => document.getElementById(id);
  const tools = $('tools'), find = $('find'), shown = $('shown'), body = $('rows');
  const rows = [...body.rows].map((row, i) => ({
    row, i, card: $('c' + i), kind: row.dataset.t, found: 'f' in row.dataset,
    name: row.cells[0].textContent.toLowerCase(),
    keys: row.dataset.k.split(' ').map(parseFloat),
  }));
  const buttons = [...tools.querySelectorAll('button')];

  const filter = () => {
    const text = find.value.trim().toLowerCase();
    const on = buttons.filter(b => b.getAttribute('aria-pressed') === 'true').map(b => b.dataset.t);
    const kinds = on.filter(k => k !== 'f'), only = on.includes('f');
    let n = 0;
    for (const r of rows) {
      const hit = r.name.includes(text) && (!kinds.length || kinds.includes(r.kind)) && (!only || r.found);
      r.row.hidden = r.card.hidden = !hit;
      n += hit;
    }
    shown.textContent = n === rows.length ? '' : n + ' of ' + rows.length + ' columns';
  };
  find.addEventListener('input', filter);
  for (const b of buttons) b.addEventListener('click', () => {
    b.setAttribute('aria-pressed', b.getAttribute('aria-pressed') !== 'true');
    filter();
  });

  const heads = [...document.querySelectorAll('#head th[data-s]')];
  for (const head of heads) {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const now = head.getAttribute('aria-sort'), key = head.dataset.s;
      const first = key === 'name' || key === 'kind' ? 'ascending' : 'descending';
      const next = now === null ? first : now === first ? (first === 'ascending' ? 'descending' : 'ascending') : null;
      heads.forEach(h => h.removeAttribute('aria-sort'));
      const sorted = [...rows];
      if (next) {
        head.setAttribute('aria-sort', next);
        const sign = next === 'ascending' ? 1 : -1;
        sorted.sort((a, b) => {
          if (key === 'name' || key === 'kind')
            return sign * (a[key] === b[key] ? 0 : a[key] > b[key] ? 1 : -1) || a.i - b.i;
          const x = a.keys[key], y = b.keys[key];
          if (x !== x || y !== y) return (x !== x) - (y !== y) || a.i - b.i;
          return sign * (x - y) || a.i - b.i;
        });
      }
      body.append(...sorted.map(r => r.row));
    });
  }
  tools.hidden = false;
})();
