/* Chosen trials side by side: scores, with the difference from the first baseline, and settings. */
paretune.settings = () => {
  const { data, trials, text, selection, theme, make, named } = paretune;
  const panel = document.getElementById("panel-settings");
  let all = false;

  function difference(row, name) {
    const base = data.sweeps[trials.sweep(row)].baseline;
    const own = trials.score(row, name);
    if (base === null || base === row || own === null) return null;
    const other = trials.score(base, name);
    const objective = data.objectives.find((one) => one.name === name);
    if (other === null || !objective) return null;
    const gain = own - other;
    const better = objective.direction === "maximize" ? gain > 0 : gain < 0;
    const words = `${gain >= 0 ? "+" : "−"}${text.score(Math.abs(gain), name)}`;
    return make("span", { class: gain === 0 ? "soft" : better ? "gain" : "loss", text: ` ${words}` });
  }

  function draw() {
    const rows = selection.shown;
    if (!rows.length) { panel.replaceChildren(make("p", { class: "empty", text: "Choose trials in the figure or in the table to see their settings." })); return; }
    const head = make("tr", {}, make("td"), ...rows.map((row) => make("th", { scope: "col" }, make("span", { class: "chip" }, theme.mark(selection.slot(row)), trials.name(row)))));
    const body = make("tbody");
    const line = (name, cells) => body.append(make("tr", {}, make("td", { class: "name" }, ...named(name)), ...cells));
    for (const name of trials.scoreNames) {
      if (rows.every((row) => trials.score(row, name) === null)) continue;
      line(name, rows.map((row) => make("td", { class: "number-left" }, text.score(trials.score(row, name), name), difference(row, name))));
    }
    const chance = rows.map((row) => trials.probability(row));
    if (chance.some((value) => value !== null)) line("P(non-dominated)", chance.map((value) => make("td", { text: value === null ? "–" : `${Math.round(100 * value)} %` })));
    line("steps", rows.map((row) => make("td", { text: trials.steps(row).toLocaleString("en") })));
    let same = 0;
    for (const name of trials.paramNames) {
      const values = rows.map((row) => trials.param(row, name));
      const differs = rows.length === 1 ? values[0] !== null : new Set(values).size > 1;
      if (!differs) same += 1;
      if (differs || all) line(name, values.map((value) => make("td", { text: text.number(value) })));
    }
    const reasons = rows.filter((row) => trials.state(row) !== "COMPLETE");
    if (reasons.length) line("ended", rows.map((row) => make("td", { text: `${trials.state(row)}: ${trials.reason(row)}` })));
    const parts = [make("div", { class: "table scroll" }, make("table", {}, make("thead", {}, head), body))];
    if (same) parts.push(make("p", { class: "toolbar screen" }, make("button", { type: "button", class: "button", "aria-pressed": String(all), text: all ? "Only what differs" : `Also what is the same or unused (${same})`, onclick: () => { all = !all; draw(); } })));
    panel.replaceChildren(...parts);
  }
  selection.onChange(draw);
  theme.onChange(draw);
  draw();
};
