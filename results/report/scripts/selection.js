/* Which trials are chosen. The first six get a colour and a mark; everything that shows single trials listens here. */
paretune.selection = (() => {
  const { trials, data } = paretune;
  const start = () => {
    const rows = [];
    for (const sweep of data.sweeps) if (sweep.recommended !== null) rows.push(sweep.recommended);
    const baseline = data.sweeps.map((sweep) => sweep.baseline).find((row) => row !== null);
    if (baseline !== undefined && rows.length < paretune.theme.slots) rows.push(baseline);
    if (!rows.length && trials.count) rows.push(0);
    return [...new Set(rows)];
  };
  let rows = start();
  const listeners = [], later = [];
  let waiting = false;
  const set = (next) => {
    rows = [...new Set(next)];
    listeners.forEach((draw) => draw(rows));
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => setTimeout(() => { waiting = false; later.forEach((draw) => draw(rows)); }));
  };
  return {
    get rows() { return rows; },
    get shown() { return rows.slice(0, paretune.theme.slots); },
    has: (row) => rows.includes(row),
    slot: (row) => rows.slice(0, paretune.theme.slots).indexOf(row),
    set,
    add: (more) => set([...rows, ...more]),
    toggle: (row) => set(rows.includes(row) ? rows.filter((one) => one !== row) : [...rows, row]),
    remove: (row) => set(rows.filter((one) => one !== row)),
    reset: () => set(start()),
    onChange: (draw) => listeners.push(draw),
    /* For what lies further down the page: drawn once the reader has seen the answer to a click. */
    afterChange: (draw) => later.push(draw),
  };
})();

paretune.chosen = () => {
  const { make, trials, selection, theme } = paretune;
  const box = document.getElementById("chosen");
  const draw = () => {
    box.replaceChildren();
    for (const row of selection.shown) {
      const role = trials.role(row) || trials.state(row).toLowerCase();
      const remove = make("button", { type: "button", text: "×", "aria-label": `Remove ${trials.name(row)}`, class: "screen", onclick: () => selection.remove(row) });
      box.append(make("span", { class: "chip" }, theme.mark(selection.slot(row)), trials.name(row), make("span", { class: "role", text: role }), remove));
    }
    const hidden = selection.rows.length - selection.shown.length;
    if (hidden > 0) box.append(make("span", { class: "small soft", text: `and ${hidden} more: the first ${theme.slots} are shown` }));
    if (!selection.rows.length) box.append(make("span", { class: "small soft", text: "No trial is chosen." }));
    if (selection.rows.length !== 0) box.append(make("button", { type: "button", class: "button screen", text: "Reset", onclick: selection.reset }));
    else box.append(make("button", { type: "button", class: "button screen", text: "Recommended trial and baseline", onclick: selection.reset }));
    for (const button of document.querySelectorAll("button.trial")) {
      const row = trials.row(Number(button.dataset.sweep), Number(button.dataset.trial));
      button.setAttribute("aria-pressed", String(row !== undefined && selection.has(row)));
    }
  };
  for (const button of document.querySelectorAll("button.trial")) {
    button.addEventListener("click", () => {
      const row = trials.row(Number(button.dataset.sweep), Number(button.dataset.trial));
      if (row !== undefined) selection.toggle(row);
    });
  }
  selection.onChange(draw);
  draw();
};
