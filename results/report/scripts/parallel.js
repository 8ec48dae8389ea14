/* Parallel coordinates of settings and objectives; dragging along an axis keeps the trials that pass there. */
paretune.parallel = () => {
  const { data, trials, text, selection, theme } = paretune;
  const node = document.getElementById("parallel-chart"), counted = document.getElementById("parallel-count");
  const choose = document.getElementById("parallel-choose"), clear = document.getElementById("parallel-clear");
  const most = 600, mostAxes = 9;
  const objectives = data.objectives.map((one) => one.name);
  const completed = [];
  for (let row = 0; row < trials.count; row += 1) if (objectives.every((name) => Number.isFinite(trials.score(row, name)))) completed.push(row);
  const isCompleted = new Set(completed);
  const varying = trials.paramNames.filter((name) => new Set(completed.map((row) => trials.param(row, name))).size > 1);
  const ranked = data.parameters.filter((name) => varying.includes(name));
  const params = [...ranked, ...varying.filter((name) => !ranked.includes(name))].slice(0, mostAxes - objectives.length);
  if (completed.length < 2 || !params.length) { document.getElementById("parallel").hidden = true; return; }
  const first = completed.filter((row) => trials.isFront(row) || trials.isBaseline(row));
  const isFirst = new Set(first);
  const rest = completed.filter((row) => !isFirst.has(row));
  const room = Math.max(most - first.length, 0);
  const kept = rest.length > room ? rest.filter((_, place) => Math.floor(place * room / rest.length) !== Math.floor((place - 1) * room / rest.length)) : rest;
  const rows = [...kept, ...first];
  const columns = [...params, ...objectives];
  const value = (row, name) => (objectives.includes(name) ? trials.score(row, name) : trials.param(row, name));
  const short = (name) => { const parts = name.split("."); return parts.length > 2 ? parts.slice(-2).join(".") : name; };

  /* Settings that a trial did not draw lie below the axis's own values. */
  const unset = "unset", bottoms = new Map();
  function axis(name, dim) {
    const style = theme.axis();
    const known = rows.map((row) => value(row, name)).filter((one) => one !== null);
    const base = { dim, name: short(name), nameLocation: "end", nameTextStyle: { ...style.nameTextStyle, fontSize: 11.5, fontWeight: 600, width: 110, overflow: "truncate" }, axisLabel: style.axisLabel, axisLine: { lineStyle: { color: theme.colour("soft") } }, axisTick: style.axisTick, areaSelectStyle: { width: 18, borderColor: theme.colour("front"), color: theme.colour("front"), opacity: .25 } };
    const isPartial = known.length < rows.length;
    if (known.some((one) => typeof one !== "number")) {
      bottoms.set(name, unset);
      return { ...base, type: "category", data: [...(isPartial ? [unset] : []), ...[...new Set(known.map(String))].sort()] };
    }
    const low = Math.min(...known), high = Math.max(...known);
    const isLog = low > 0 && high > 30 * low;
    const minimised = data.objectives.some((one) => one.name === name && one.direction === "minimize");
    const bottom = isLog ? low / (high / low) ** .15 : low - .15 * (high - low || 1);
    bottoms.set(name, bottom);
    return { ...base, type: isLog ? "log" : "value", scale: true, ...(isPartial ? { min: bottom } : {}), splitNumber: 4, inverse: minimised, axisLabel: { ...style.axisLabel, hideOverlap: true, formatter: (number) => (isPartial && number <= bottom ? unset : isPartial && number < low - 1e-9 * Math.abs(low) ? "" : text.number(Number(number.toPrecision(3)))) } };
  }
  const cells = (row) => columns.map((name) => { const one = value(row, name); return one === null ? bottoms.get(name) ?? "-" : typeof one === "number" ? one : String(one); });
  const line = (row, style) => ({ value: cells(row), lineStyle: style });
  let chart = null;

  function series() {
    const faint = { color: theme.colour("other"), width: 1, opacity: rows.length > 200 ? .16 : .3 };
    const front = { color: theme.colour("front"), width: 1.25, opacity: .55 };
    return [
      { id: "all", type: "parallel", silent: true, smooth: 0, inactiveOpacity: .02, activeOpacity: .7, progressive: 0, data: rows.map((row) => line(row, trials.isFront(row) ? front : faint)) },
      chosenSeries(),
    ];
  }
  function chosenSeries() {
    const chosen = selection.shown.filter((row) => isCompleted.has(row));
    const lines = chosen.map((row) => {
      const slot = theme.slot(selection.slot(row));
      return line(row, { color: slot.colour, type: slot.dash, width: 2.75, opacity: 1 });
    });
    return { id: "chosen", type: "parallel", silent: true, inactiveOpacity: 1, activeOpacity: 1, zlevel: 1, data: lines };
  }
  function draw() {
    if (!chart) chart = echarts.init(node, null, { renderer: "canvas" });
    const parallelAxis = columns.map(axis);
    chart.setOption({ animation: false, parallel: { left: 70, right: 60, top: 40, bottom: 26, axisExpandable: false }, parallelAxis, series: series() }, { notMerge: true });
    passing = null;
    describe();
  }
  let passing = null;
  function describe() {
    const about = `${rows.length === completed.length ? `${rows.length}` : `${rows.length} of ${completed.length}, evenly over their numbers and with the whole front,`} completed trials`;
    const names = columns.length - objectives.length < varying.length ? `; the ${params.length} settings that matter most of ${varying.length}` : "";
    counted.textContent = passing ? `${passing.length} of ${rows.length} trials pass` : `${about}${names}. The front is blue, chosen trials are thick.`;
    choose.hidden = !passing || !passing.length;
    clear.hidden = !passing;
  }
  function watch() {
    chart.on("axisareaselected", () => {
      const lines = chart.getModel().getSeriesByIndex(0);
      passing = lines.coordinateSystem.hasAxisBrushed() ? lines.getRawIndicesByActiveState("active").map((place) => rows[place]) : null;
      describe();
    });
  }
  choose.addEventListener("click", () => { selection.set([...passing].sort((one, two) => Number(trials.isFront(two)) - Number(trials.isFront(one)))); });
  clear.addEventListener("click", draw);
  draw();
  watch();
  selection.afterChange(() => chart.setOption({ series: [chosenSeries()] }));
  theme.onChange(draw);
  new ResizeObserver(() => chart.resize()).observe(node);
};
