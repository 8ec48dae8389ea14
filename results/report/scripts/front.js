/* The front: all completed trials in two scores; click, box and keys choose. */
paretune.front = () => {
  const { data, trials, text, theme, selection, make } = paretune;
  const node = document.getElementById("front-chart");
  const chart = echarts.init(node, null, { renderer: "canvas" });
  const names = data.objectives.map((one) => one.name);
  const order = "number of the trial";
  let axes = names.length > 1 ? [names[0], names[1]] : [order, names[0]];
  let cursor = null, anchor = null;

  const at = (row, axis) => (axis === order ? trials.number(row) : trials.score(row, axis));
  const completed = [];
  for (let row = 0; row < trials.count; row += 1) {
    if (trials.state(row) === "COMPLETE" && names.every((name) => Number.isFinite(trials.score(row, name)))) completed.push(row);
  }
  const drawable = completed.filter((row) => !trials.isFarOff(row));
  const isDrawable = new Set(drawable);
  const point = (row) => ({ value: [at(row, axes[0]), at(row, axes[1])], row });
  const direction = (axis) => data.objectives.find((one) => one.name === axis)?.direction ?? "maximize";
  const label = (axis) => (direction(axis) === "minimize" ? `${axis} (smaller is better)` : axis);

  function range(axis) {
    const values = drawable.map((row) => at(row, axis)).concat(data.sweeps.flatMap((sweep) => sweep.confirmed.map((one) => one.point[names.indexOf(axis)])).filter(Number.isFinite));
    if (!values.length) return {};
    const low = Math.min(...values), high = Math.max(...values);
    const room = 0.07 * (high - low) || 0.05 * Math.abs(high) || 0.5;
    return { min: low - room, max: high + room };
  }

  function staircase(rows) {
    const points = rows.map((row) => [at(row, axes[0]), at(row, axes[1])]).sort((one, two) => one[0] - two[0]);
    return corners(points);
  }

  function corners(points) {
    const rightIsBetter = direction(axes[0]) === "maximize";
    return points.flatMap((point, place) => (place ? [rightIsBetter ? [points[place - 1][0], point[1]] : [point[0], points[place - 1][1]], point] : [point]));
  }

  function tip({ data: item }) {
    if (!item || item.row === undefined) return "";
    const { row } = item;
    const lines = names.map((name) => `${text.escape(name)} <b>${text.score(trials.score(row, name), name)}</b>`);
    const probability = trials.probability(row);
    if (probability !== null) lines.push(`non-dominated in ${Math.round(100 * probability)} % of the replicates`);
    const role = trials.role(row);
    return `<b>${text.escape(trials.name(row))}</b>${role ? ` (${text.escape(role)})` : ""}<br>${lines.join("<br>")}`;
  }

  function constants() {
    const style = { color: theme.colour("faint"), type: [5, 4], width: 1.25 };
    const lines = [];
    const boxes = data.sweeps[0].constant_box;
    axes.forEach((axis, place) => {
      const value = boxes[axis];
      if (value !== undefined) lines.push({ [place ? "yAxis" : "xAxis"]: value, name: "constant box" });
    });
    return { silent: true, symbol: "none", lineStyle: style, label: { ...theme.text(), formatter: "constant box", position: "insideEndTop" }, data: lines };
  }

  const isPlain = () => names.length > 1 && axes[0] === names[0] && axes[1] === names[1] && names.length === 2;

  function sweepSeries(sweep, place) {
    const several = data.sweeps.length > 1;
    const colour = several ? theme.slot(place).colour : theme.colour("front");
    const own = drawable.filter((row) => trials.sweep(row) === place);
    const kind = (test) => own.filter(test).map(point);
    const prefix = several ? `${sweep.name}: ` : "";
    const symbol = several ? theme.slot(place).symbol : "circle";
    const series = [
      { name: `${prefix}dominated`, type: "scatter", symbol, symbolSize: 7, data: kind((row) => !trials.isFront(row) && !trials.isBaseline(row)), itemStyle: { color: "transparent", borderColor: several ? colour : theme.colour("other"), borderWidth: 1.25, opacity: several ? .45 : .8 }, z: 2 },
      { name: `${prefix}front`, type: "scatter", symbol, symbolSize: 11, data: kind((row) => trials.isFront(row) && !trials.isUndecided(row) && !trials.isBaseline(row)), itemStyle: { color: colour, borderColor: theme.colour("card"), borderWidth: 1 }, z: 4 },
      { name: `${prefix}undecided`, type: "scatter", symbol, symbolSize: 10, data: kind((row) => trials.isUndecided(row) && !trials.isBaseline(row)), itemStyle: { color: theme.colour("card"), borderColor: colour, borderWidth: 2 }, z: 4 },
      { name: `${prefix}baseline`, type: "scatter", symbol: "diamond", symbolSize: 17, data: kind((row) => trials.isBaseline(row)), itemStyle: { color: several ? colour : theme.colour("baseline"), borderColor: theme.colour(several ? "ink" : "card"), borderWidth: several ? 2 : 1 }, z: 5 },
    ];
    if (isPlain()) {
      series.push({ name: `${prefix}staircase`, type: "line", data: staircase(sweep.front), showSymbol: false, silent: true, lineStyle: { color: colour, width: 1.75, type: several ? theme.slot(place).dash : "solid" }, z: 3 });
      for (const surface of several ? [] : sweep.attainment.filter((one) => one.level !== 0.5)) {
        const points = surface.points.map((one) => [one[0], one[1]]).sort((one, two) => one[0] - two[0]);
        series.push({ name: `attained in ${100 * surface.level} %`, type: "line", data: corners(points), showSymbol: false, silent: true, lineStyle: { color: colour, width: 1, type: [3, 3], opacity: .75 }, z: 1 });
      }
    }
    const shown = sweep.confirmed.filter((one) => !names.includes(axes[0]) || Number.isFinite(one.point[0]));
    const confirmedAt = (one) => axes.map((axis) => (axis === order ? trials.number(one.row) : one.point[names.indexOf(axis)]));
    if (shown.length) {
      series.push({ name: `${prefix}confirmed`, type: "scatter", symbol: "rect", symbolSize: 9, data: shown.map((one) => ({ value: confirmedAt(one), row: one.row })), itemStyle: { color: theme.colour("ink") }, z: 5 });
      for (const one of shown) series.push({ name: `${prefix}shrinkage ${one.row}`, type: "line", data: [point(one.row).value, confirmedAt(one)], showSymbol: false, silent: true, lineStyle: { color: theme.colour("soft"), width: 1, type: "dotted" }, z: 3 });
    }
    if (place === 0) series[0].markLine = constants();
    return series;
  }

  function chosenSeries() {
    const marked = selection.rows.filter((row) => isDrawable.has(row)).slice(0, 400);
    const rings = marked.map((row) => {
      const slot = selection.slot(row);
      const ink = slot < 0 ? theme.colour("ink") : theme.slot(slot).colour;
      return { ...point(row), symbolSize: slot < 0 ? 11 : 21, itemStyle: { color: "transparent", borderColor: ink, borderWidth: slot < 0 ? 1 : 2.5 },
        label: { show: slot >= 0, formatter: trials.name(row), position: "top", distance: 4, ...theme.text(), color: theme.colour("ink"), fontWeight: 600, textBorderColor: theme.colour("card"), textBorderWidth: 3 } };
    });
    const pointer = cursor === null ? [] : [{ ...point(cursor), symbol: "circle", symbolSize: 28, itemStyle: { color: "transparent", borderColor: theme.colour("ink"), borderWidth: 1.5, borderType: "dashed" } }];
    return { id: "chosen", type: "scatter", silent: true, symbol: "circle", data: [...rings, ...pointer], zlevel: 1, labelLayout: { hideOverlap: false, moveOverlap: "shiftY" } };
  }

  function draw() {
    const axis = theme.axis();
    chart.setOption({
      animation: false,
      aria: { enabled: true, label: { description: `${completed.length} completed trials by ${axes.join(" and ")}.` } },
      grid: { left: 62, right: 18, top: 14, bottom: 50 },
      tooltip: { trigger: "item", ...theme.tooltip(), formatter: tip },
      xAxis: { type: "value", scale: true, name: label(axes[0]), nameLocation: "middle", nameGap: 30, ...axis, ...range(axes[0]), axisLabel: { ...axis.axisLabel, showMinLabel: false, showMaxLabel: false } },
      yAxis: { type: "value", scale: true, name: label(axes[1]), nameLocation: "middle", nameGap: 46, ...axis, ...range(axes[1]), axisLabel: { ...axis.axisLabel, showMinLabel: false, showMaxLabel: false } },
      brush: { xAxisIndex: 0, brushMode: "single", transformable: false, throttleType: "debounce", throttleDelay: 0, brushStyle: { color: "rgb(0 114 178 / 10%)", borderColor: theme.colour("front"), borderWidth: 1 }, inBrush: {}, outOfBrush: { colorAlpha: 1 } },
      toolbox: { show: false },
      series: [...data.sweeps.flatMap(sweepSeries), chosenSeries()],
    }, { notMerge: true });
    chart.dispatchAction({ type: "takeGlobalCursor", key: "brush", brushOption: { brushType: "rect", brushMode: "single" } });
  }

  const redrawChosen = () => chart.setOption({ series: [chosenSeries()] });
  const pixel = (row) => chart.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, point(row).value);
  /* Both axes are linear, so that two places give all: asking the library for thousands takes too long. */
  function nearest(x, y, within) {
    const [from, to] = [[0, 0], [1, 1]].map((values) => chart.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, values));
    let best = null, least = within;
    for (const row of drawable) {
      const far = Math.hypot(from[0] + at(row, axes[0]) * (to[0] - from[0]) - x, from[1] + at(row, axes[1]) * (to[1] - from[1]) - y) - (rank(row) < 2 ? 2 : 0);
      if (far < least) [best, least] = [row, far];
    }
    return best;
  }
  const rank = (row) => (trials.isBaseline(row) ? 0 : trials.isFront(row) ? 1 : 2);

  let brushed = false;
  chart.on("brushEnd", ({ areas }) => {
    if (!areas.length) return;
    brushed = true;
    const [[x0, x1], [y0, y1]] = areas[0].coordRange;
    const inside = drawable.filter((row) => { const [x, y] = point(row).value; return x >= x0 && x <= x1 && y >= y0 && y <= y1; });
    inside.sort((one, two) => rank(one) - rank(two));
    chart.dispatchAction({ type: "brush", areas: [] });
    if (inside.length) (shift ? selection.add : selection.set)(inside);
    say(inside.length ? `${inside.length} trials chosen` : "no trial in the box");
  });

  let shift = false;
  node.addEventListener("pointerdown", (event) => { shift = event.shiftKey; brushed = false; });
  chart.getZr().on("click", (event) => {
    if (brushed) { brushed = false; return; }
    const best = nearest(event.offsetX, event.offsetY, 16);
    if (best === null) return;
    cursor = null;
    if (event.event.shiftKey || event.event.ctrlKey || event.event.metaKey) selection.toggle(best);
    else selection.set([best, ...selection.rows.filter((row) => trials.isBaseline(row) && row !== best)]);
    say(`${trials.name(best)} chosen`);
  });

  const say = (words) => { document.getElementById("spoken").textContent = words; };
  let path = null; // from left to right, until the axes change
  const along = () => (path ??= [...drawable].sort((one, two) => at(one, axes[0]) - at(two, axes[0]) || at(one, axes[1]) - at(two, axes[1])));
  node.addEventListener("keydown", (event) => {
    if (!drawable.length || event.altKey || event.metaKey || event.ctrlKey) return;
    const all = along(), fronts = all.filter((row) => rank(row) < 2);
    const step = { ArrowRight: [all, 1], ArrowLeft: [all, -1], ArrowUp: [fronts, -1], ArrowDown: [fronts, 1] }[event.key];
    if (step) {
      event.preventDefault();
      const [rows, by] = step;
      const here = cursor ?? selection.rows.find((row) => rows.includes(row));
      let place = rows.indexOf(here);
      if (place < 0) place = by > 0 ? -1 : rows.length;
      if (event.shiftKey && anchor === null) anchor = cursor ?? rows[Math.max(place, 0)];
      cursor = rows[Math.min(Math.max(place + by, 0), rows.length - 1)];
      if (event.shiftKey) {
        const [from, to] = [all.indexOf(anchor), all.indexOf(cursor)].sort((one, two) => one - two);
        selection.set(all.slice(from, to + 1).sort((one, two) => rank(one) - rank(two)));
      } else anchor = null;
      say(`${trials.name(cursor)}${trials.role(cursor) ? `, ${trials.role(cursor)}` : ""}: ${names.map((name) => `${name} ${text.score(trials.score(cursor, name), name)}`).join(", ")}`);
      redrawChosen();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (cursor !== null) { selection.toggle(cursor); say(`${trials.name(cursor)} ${selection.has(cursor) ? "chosen" : "no longer chosen"}`); }
    } else if (event.key === "Escape") {
      cursor = anchor = null;
      selection.reset();
    }
  });
  node.addEventListener("blur", () => { if (cursor !== null) { cursor = null; redrawChosen(); } });

  if (names.length > 2) {
    const box = document.getElementById("axes");
    box.hidden = false;
    ["Across", "Up"].forEach((words, place) => {
      const choice = make("select", { "aria-label": `${words} axis`, onchange: (event) => { axes[place] = event.target.value; path = null; draw(); } }, ...[...names, order].map((name) => make("option", { value: name, text: name, selected: name === axes[place] })));
      box.append(make("label", {}, words, choice));
    });
  }
  if (!drawable.length) {
    node.replaceWith(make("p", { class: "empty", text: "No trial has completed, so there is nothing to draw here. The table below lists what ended." }));
    chart.dispose();
    return;
  }
  selection.onChange(redrawChosen);
  theme.onChange(draw);
  new ResizeObserver(() => chart.resize()).observe(node);
  draw();
  paretune.frontChart = chart; // for tests: where on the page a trial is drawn
  paretune.frontPixel = pixel;
};
