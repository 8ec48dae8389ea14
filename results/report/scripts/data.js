"use strict";
/* The page's data: trials as columns; a trial is named by its row everywhere. */
const paretune = {};

paretune.data = JSON.parse(document.getElementById("data").textContent);

paretune.trials = (() => {
  const { data } = paretune;
  const table = data.trials;
  const onFront = new Set(table.front);
  const farOff = new Set(table.far_off);
  const baselines = new Set(data.sweeps.map((sweep) => sweep.baseline).filter((row) => row !== null));
  const undecided = new Set(data.sweeps.flatMap((sweep) => sweep.undecided));
  const read = (column, row) => {
    if (Array.isArray(column)) return column[row];
    const code = column.codes[row];
    return code === null ? null : column.levels[code];
  };
  const rowOf = new Map();
  for (let row = 0; row < table.count; row += 1) rowOf.set(`${table.sweep[row]}:${table.trial[row]}`, row);
  const several = data.sweeps.length > 1;
  return {
    count: table.count,
    several,
    scoreNames: Object.keys(table.scores),
    paramNames: Object.keys(table.params),
    row: (sweep, trial) => rowOf.get(`${sweep}:${trial}`),
    number: (row) => table.trial[row],
    sweep: (row) => table.sweep[row],
    name: (row) => (several ? `${data.sweeps[table.sweep[row]].name} ${table.trial[row]}` : `trial ${table.trial[row]}`),
    state: (row) => read(table.state, row),
    role: (row) => read(table.role, row) || "",
    reason: (row) => read(table.reason, row) || "",
    steps: (row) => table.steps[row],
    seconds: (row) => table.seconds[row],
    score: (row, name) => (table.scores[name] ? read(table.scores[name], row) : null),
    param: (row, name) => read(table.params[name], row),
    column: (name) => table.params[name] || table.scores[name],
    probability: (row) => table.probability[row] ?? null,
    isFront: (row) => onFront.has(row),
    isFarOff: (row) => farOff.has(row),
    isBaseline: (row) => baselines.has(row),
    isUndecided: (row) => undecided.has(row),
  };
})();

/* A dotted name that may break behind its dots and underscores. */
paretune.named = (name) => {
  const parts = String(name).split(/(?<=[._])/);
  return parts.flatMap((part, place) => (place ? [document.createElement("wbr"), part] : [part]));
};

paretune.text = {
  /* Numbers as the page's sentences write them. */
  number(value) {
    if (value === null || value === undefined) return "–";
    if (typeof value !== "number") return String(value);
    if (Number.isInteger(value)) return String(value);
    const size = Math.abs(value);
    return size >= 1e-3 && size < 1e4 ? String(Number(value.toPrecision(4))) : value.toExponential(2);
  },
  score(value, name) {
    if (value === null || value === undefined) return "–";
    const objective = paretune.data.objectives.find((one) => one.name === name);
    const isShare = !objective || (objective.low === 0 && objective.high === 1);
    return isShare ? value.toFixed(3) : String(Number(value.toPrecision(4)));
  },
  /* For the one place that takes HTML: the library's tooltips. */
  escape: (words) => String(words).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`),
};

/* Makes an element: tag, attributes (text, class, on* and any attribute), children. Never parses HTML. */
paretune.make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
};
