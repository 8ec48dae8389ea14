/* Small multiples of the chosen trials' curves: a panel for each score or term, a line for each trial. */
paretune.curves = () => {
  const { data, trials, text, selection, theme } = paretune;
  const node = document.getElementById("curves-chart"), about = document.getElementById("curves-about"), missing = document.getElementById("curves-missing");
  const buttons = [...document.querySelectorAll("#curves-kinds button")];
  const words = {
    scores: "Objectives on the search split, at each report.",
    raw: "Mean of each loss term over its own positions since the report before.",
    weighted: "What each term added to the loss, mean over the steps since the report before.",
    weights: "What multiplied each term: weight, schedule, weighting and scale together.",
  };
  let kind = "scores", chart = null, dirty = true;

  function option(rows) {
    const names = [...new Set(rows.flatMap((row) => Object.keys(data.curves[row][kind])))];
    const wide = node.clientWidth > 430 ? 2 : 1;
    const tall = 170, gap = 46;
    const lines = Math.ceil(names.length / wide);
    node.style.height = `${Math.max(lines, 1) * (tall + gap) + 12}px`;
    const axis = theme.axis(), grids = [], xs = [], ys = [], titles = [], series = [];
    names.forEach((name, place) => {
      const column = place % wide, line = Math.floor(place / wide);
      const width = 100 / wide;
      grids.push({ left: `${column * width + (wide > 1 ? 7.5 : 12)}%`, width: `${width - (wide > 1 ? 10 : 16)}%`, top: line * (tall + gap) + 30, height: tall - 34 });
      titles.push({ text: name, left: `${column * width}%`, top: line * (tall + gap) + 2, textStyle: { ...theme.text(), color: theme.colour("ink"), fontWeight: 600 } });
      const values = rows.flatMap((row) => data.curves[row][kind][name] ?? []).filter((value) => value !== null);
      const log = kind !== "scores" && values.length && Math.min(...values) > 0 && Math.max(...values) > 30 * Math.min(...values);
      const small = { ...axis, axisLabel: { ...axis.axisLabel, fontSize: 11.5 } };
      xs.push({ gridIndex: place, type: "value", min: 0, max: "dataMax", minInterval: 1, splitNumber: 3, ...small, splitLine: { show: false } });
      ys.push({ gridIndex: place, type: log ? "log" : "value", scale: true, splitNumber: 3, ...small });
      for (const row of rows) {
        const curve = data.curves[row], own = curve[kind][name];
        if (!own) continue;
        const slot = theme.slot(selection.slot(row));
        series.push({ name: trials.name(row), type: "line", xAxisIndex: place, yAxisIndex: place, data: own.map((value, at) => [curve.steps[at], value]), connectNulls: true, symbol: slot.symbol, symbolSize: curve.steps.length > 20 ? 4 : 7, itemStyle: { color: slot.colour }, lineStyle: { color: slot.colour, type: slot.dash, width: 1.75 } });
      }
    });
    return { animation: false, aria: { enabled: true }, grid: grids, xAxis: xs, yAxis: ys, title: titles, series,
      tooltip: { trigger: "axis", ...theme.tooltip(), formatter: (items) => `step ${items[0].value[0]}<br>${items.map((item) => `${item.marker}${text.escape(item.seriesName)} <b>${text.number(item.value[1])}</b>`).join("<br>")}` } };
  }

  function draw() {
    if (node.closest("[hidden]")) { dirty = true; return; }
    dirty = false;
    const rows = selection.shown.filter((row) => data.curves[row]);
    const without = selection.shown.filter((row) => !data.curves[row]);
    about.textContent = words[kind];
    missing.textContent = without.length ? `Not on this page: the curves of ${without.map(trials.name).join(", ")}; reports/ has them.` : "";
    if (chart) { chart.dispose(); chart = null; }
    node.style.height = "";
    const shown = rows.filter((row) => Object.keys(data.curves[row][kind]).length);
    if (!shown.length) { about.textContent = rows.length ? `${words[kind]} None was recorded for these trials.` : "No curve to draw: choose trials that have reported."; node.style.height = "0"; return; }
    node.style.height = "100px";
    const wanted = option(shown);
    chart = echarts.init(node, null, { renderer: "svg" });
    chart.setOption(wanted);
  }
  for (const button of buttons) {
    button.addEventListener("click", () => {
      kind = button.dataset.kind;
      buttons.forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
      draw();
    });
  }
  selection.onChange(draw);
  theme.onChange(draw);
  paretune.drawCurves = () => { if (dirty) draw(); };
  paretune.redrawCurves = draw;
  let width = 0;
  new ResizeObserver(() => { if (node.clientWidth && node.clientWidth !== width) { width = node.clientWidth; draw(); } }).observe(node);
  draw();
};
