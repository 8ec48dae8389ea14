/* All trials: sorted, filtered, chosen; a page of rows at a time. */
paretune.table = () => {
  const { trials, text, selection, make } = paretune;
  const box = document.getElementById("trials-table");
  const perPage = 50;
  const score = (name) => ({ name, number: true, value: (row) => trials.score(row, name), words: (row) => text.score(trials.score(row, name), name) });
  const columns = [
    { name: "trial", number: true, value: trials.number, words: (row) => String(trials.number(row)) },
    ...(trials.several ? [{ name: "sweep", value: (row) => paretune.data.sweeps[trials.sweep(row)].name }] : []),
    { name: "role", value: trials.role },
    { name: "state", value: trials.state },
    { name: "steps", number: true, value: trials.steps, words: (row) => trials.steps(row).toLocaleString("en") },
    { name: "seconds", number: true, value: trials.seconds, words: (row) => text.number(trials.seconds(row)) },
    ...trials.scoreNames.map(score),
    ...(Object.keys(paretune.data.trials.probability).length ? [{ name: "P(non-dominated)", number: true, value: trials.probability, words: (row) => (trials.probability(row) === null ? "–" : trials.probability(row).toFixed(2)) }] : []),
    ...trials.paramNames.map((name) => ({ name, number: Array.isArray(trials.column(name)), value: (row) => trials.param(row, name), words: (row) => text.number(trials.param(row, name)) })),
    { name: "reason", value: trials.reason, reason: true },
  ];
  const words = (column, row) => (column.words ? column.words(row) : column.value(row) ?? "–");
  const all = Array.from({ length: trials.count }, (_, row) => row);
  const whole = new Map();
  const searched = (row) => {
    if (!whole.has(row)) whole.set(row, columns.map((column) => words(column, row)).join(" \n").toLowerCase());
    return whole.get(row);
  };
  let sortBy = null, down = false, page = 0, found = all;

  const search = make("input", { type: "search", placeholder: "Filter: front, FAIL, adapter …", "aria-label": "Filter the trials by any text in their row" });
  const state = make("select", { "aria-label": "State" }, ...[["", "all states"], ["COMPLETE", "completed"], ["PRUNED", "pruned"], ["FAIL", "failed"], ["front", "on the front"], ["chosen", "chosen"]].map(([value, name]) => make("option", { value, text: name })));
  const counted = make("span", { class: "small soft", role: "status" });
  const heads = columns.map((column) => make("th", { scope: "col", "aria-sort": "none", class: column.number ? "number" : null }, make("button", { type: "button", text: column.name, onclick: () => { if (sortBy === column) { if (down) { sortBy = null; down = false; } else down = true; } else { sortBy = column; down = false; } page = 0; arrange(); } })));
  const body = make("tbody");
  const turn = (by) => () => { page += by; fill(); };
  const back = make("button", { type: "button", class: "button", text: "Previous", onclick: turn(-1) }), on = make("button", { type: "button", class: "button", text: "Next", onclick: turn(1) }), where = make("span");

  function arrange() {
    const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    found = all.filter((row) => {
      if (state.value === "front" ? !trials.isFront(row) : state.value === "chosen" ? !selection.has(row) : state.value && trials.state(row) !== state.value) return false;
      return wanted.every((word) => searched(row).includes(word));
    });
    if (sortBy) {
      const sign = down ? -1 : 1;
      const keys = new Map(found.map((row) => [row, sortBy.value(row)]));
      found = [...found].sort((one, two) => {
        const [a, b] = [keys.get(one), keys.get(two)];
        if (a === b) return one - two;
        if (a === null || a === "") return 1;
        if (b === null || b === "") return -1;
        return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
      });
    }
    heads.forEach((head, place) => head.setAttribute("aria-sort", columns[place] === sortBy ? (down ? "descending" : "ascending") : "none"));
    page = Math.min(page, Math.max(Math.ceil(found.length / perPage) - 1, 0));
    fill();
  }
  function mark() {
    for (const button of body.querySelectorAll("button.trial")) {
      const isChosen = selection.has(trials.row(Number(button.dataset.sweep), Number(button.dataset.trial)));
      button.setAttribute("aria-pressed", String(isChosen));
      button.closest("tr").classList.toggle("is-chosen", isChosen);
    }
  }
  function fill() {
    const rows = found.slice(page * perPage, (page + 1) * perPage);
    body.replaceChildren(...rows.map((row) => {
      const kinds = [trials.isFront(row) && "on-front", trials.isBaseline(row) && "is-baseline", selection.has(row) && "is-chosen"].filter(Boolean).join(" ");
      return make("tr", { class: kinds || null }, ...columns.map((column, place) => {
        if (place === 0) return make("td", { class: "number" }, make("button", { type: "button", class: "trial", "data-trial": trials.number(row), "data-sweep": trials.sweep(row), "aria-pressed": String(selection.has(row)), title: `Choose ${trials.name(row)}`, text: words(column, row), onclick: () => selection.toggle(row) }));
        return make("td", { class: column.reason ? "reason" : column.number ? "number" : null, text: words(column, row) });
      }));
    }));
    if (!rows.length) body.append(make("tr", {}, make("td", { colspan: columns.length, class: "soft", text: "No trial matches." })));
    counted.textContent = found.length === all.length ? `${all.length.toLocaleString("en")} trials` : `${found.length.toLocaleString("en")} of ${all.length.toLocaleString("en")} trials`;
    const pages = Math.max(Math.ceil(found.length / perPage), 1);
    where.textContent = `Page ${page + 1} of ${pages}`;
    back.disabled = page === 0;
    on.disabled = page + 1 >= pages;
    pager.hidden = pages === 1;
  }
  const pager = make("div", { class: "pager" }, back, where, on);
  search.addEventListener("input", () => { page = 0; arrange(); });
  state.addEventListener("change", () => { page = 0; arrange(); });
  selection.onChange(() => { if (state.value === "chosen") arrange(); else mark(); });
  box.append(make("div", { class: "toolbar" }, search, state, counted), make("div", { class: "grid", tabindex: "0", role: "region", "aria-label": "All trials" }, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body)), pager);
  arrange();
};
