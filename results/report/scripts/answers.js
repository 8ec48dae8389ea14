/* What any two trials answered, side by side: boxes over the pictures, texts below. */
paretune.answers = () => {
  const { data, trials, text, selection, theme, make } = paretune;
  const panel = document.getElementById("panel-answers");
  const place = data.answers.findIndex((one) => one.items.length && Object.keys(one.by_row).length);
  if (place < 0) {
    const why = data.answers.some((one) => one.items.length) ? "No answers were recorded" : "This record holds no examples or answers; sweeps recorded by an earlier paretune have none";
    panel.append(make("p", { class: "empty", text: `${why}, so none can be shown.` }));
    return;
  }
  const { items, images } = data.answers[place];
  /* Another sweep's answers are to the same examples if they bear the same names. */
  const given = new Map();
  for (const other of data.answers) {
    const at = new Map(other.items.map((item, number) => [item.id, number]));
    for (const [row, listed] of Object.entries(other.by_row)) given.set(Number(row), items.map((item) => (at.has(item.id) ? listed[at.get(item.id)] : null)));
  }
  const rows = [...given.keys()].sort((one, two) => one - two);
  const pair = [null, null];
  let filter = "all", dirty = true;

  const svg = (tag, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
    return node;
  };
  function boxes(layer, flat, kinds, style = "") {
    for (let start = 0; start + 3 < flat.length; start += 4) {
      const [x0, y0, x1, y1] = flat.slice(start, start + 4);
      for (const kind of kinds) layer.append(svg("rect", { class: kind, x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0), ...(kind === "said" ? { style } : {}) }));
    }
  }
  function side(item, row, number, slot) {
    const answer = given.get(row)?.[number] ?? null;
    const node = make("div", { class: "side" }, make("div", { class: "who" }, theme.mark(slot), trials.name(row), make("span", { class: "soft", text: trials.role(row) })));
    if (item.image !== null) {
      const layer = svg("svg", { viewBox: "0 0 1000 1000", preserveAspectRatio: "none", "aria-hidden": "true" });
      boxes(layer, item.boxes, ["true-under", "true"]);
      if (answer) boxes(layer, answer.boxes, ["under", "said"], `stroke: ${theme.slot(slot).colour}`);
      const words = `Picture to “${item.question}” with the true boxes and those of ${trials.name(row)}`;
      node.append(make("div", { class: "picture" }, make("img", { src: images[item.image], alt: words, loading: "lazy", width: item.width, height: item.height }), layer));
    }
    if (!answer) { node.append(make("p", { class: "small soft", text: "No answer is recorded." })); return node; }
    node.append(make("div", { class: "said-text", text: answer.text || "(nothing)" }));
    const scores = Object.entries(answer.scores).map(([name, value]) => `${name} ${text.score(value, name)}`);
    if (item.task === "grounding" && !answer.boxes.length) scores.push("no box in this answer");
    if (scores.length) node.append(make("div", { class: "row-scores", text: scores.join(" · ") }));
    return node;
  }
  function wanted(item, number) {
    const [one, two] = pair.map((row) => given.get(row)?.[number]);
    if (filter === "differ") return one && two && (one.text !== two.text || JSON.stringify(one.scores) !== JSON.stringify(two.scores));
    return filter === "all" || item.task === filter;
  }
  function list() {
    const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Examples with two answers each" });
    let shown = 0;
    items.forEach((item, number) => {
      if (!wanted(item, number)) return;
      shown += 1;
      const truth = item.references.length > 1 ? item.references.join(" / ") : item.answer;
      scroll.append(make("div", { class: "example" }, make("p", { class: "question", text: item.question }), make("p", { class: "truth", text: `true answer: ${truth || "(none)"}` }), make("div", { class: "sides" }, side(item, pair[0], number, 0), side(item, pair[1], number, 1))));
    });
    if (!shown) scroll.append(make("p", { class: "empty", text: "No example is left by this choice." }));
    return scroll;
  }
  function chooser(which) {
    const names = ["First trial", "Second trial"];
    const options = rows.map((row) => make("option", { value: row, text: `${trials.name(row)}${trials.role(row) ? ` (${trials.role(row)})` : ""}`, selected: row === pair[which] }));
    return make("label", {}, theme.mark(which), make("select", { "aria-label": names[which], "data-side": which, onchange: (event) => { pair[which] = Number(event.target.value); draw(); focus(`[data-side="${which}"]`); } }, ...options));
  }
  const focus = (what) => panel.querySelector(what)?.focus();
  function draw() {
    if (panel.hidden && !window.matchMedia("print").matches) { dirty = true; return; }
    dirty = false;
    const tasks = [...new Set(items.map((item) => item.task))];
    const kinds = [["all", "all"], ...tasks.map((task) => [task, task]), ["differ", "where the two differ"]];
    const choice = make("select", { "aria-label": "Which examples", "data-filter": true, onchange: (event) => { filter = event.target.value; draw(); focus("[data-filter]"); } }, ...kinds.map(([value, words]) => make("option", { value, text: words, selected: value === filter })));
    const key = make("span", { class: "boxes-key" }, make("span", { text: "┄ true box" }), make("span", { text: "━ box in the answer" }));
    const missing = selection.shown.filter((row) => !given.has(row));
    const note = missing.length ? make("p", { class: "small soft", text: `Not on this page: the answers of ${missing.map(trials.name).join(", ")}.` }) : null;
    panel.replaceChildren(make("div", { class: "pair" }, chooser(0), chooser(1), make("label", {}, "Examples", choice), key), ...(note ? [note] : []), list());
  }
  function follow() {
    const shown = selection.shown.filter((row) => given.has(row));
    const spare = [...data.sweeps.flatMap((sweep) => [sweep.baseline, sweep.recommended]), ...rows].filter((row) => given.has(row) && !shown.includes(row));
    [pair[0], pair[1]] = [...shown, ...spare, rows[0]].slice(0, 2);
    if (pair[1] === undefined) pair[1] = pair[0];
    draw();
  }
  selection.onChange(follow);
  theme.onChange(draw);
  paretune.drawAnswers = () => { if (dirty) draw(); };
  follow();
};
