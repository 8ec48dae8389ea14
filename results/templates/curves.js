(() => {
  const trials = JSON.parse(document.getElementById("curves-data").textContent);
  const select = document.getElementById("curves-trial");
  const kinds = ["raw", "weighted", "weights", "scores"];
  const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#b8860b", "#7f7f7f", "#a6611a"];
  const symbols = ["circle", "diamond", "triangle", "rect", "roundRect", "pin", "arrow", "emptyCircle", "emptyDiamond", "emptyTriangle"];
  const namesOf = (kinds) => [...new Set(Object.values(trials).flatMap((trial) => kinds.flatMap((kind) => Object.keys(trial[kind]))))];
  const terms = namesOf(["raw", "weighted", "weights"]), scores = namesOf(["scores"]);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let charts = [];

  function axisType(series) {
    const values = series.flatMap((one) => one.data.map(([, value]) => value)).filter((value) => value !== null);
    return values.length && Math.min(...values) > 0 && Math.max(...values) > 30 * Math.min(...values) ? "log" : "value";
  }

  function option(kind, trial) {
    const style = getComputedStyle(document.body);
    const ink = style.getPropertyValue("--ink"), soft = style.getPropertyValue("--soft"), rule = style.getPropertyValue("--rule");
    const axis = { axisLabel: { color: soft, fontSize: 13 }, nameTextStyle: { color: ink, fontSize: 13 }, splitLine: { lineStyle: { color: rule } } };
    const names = kind === "scores" ? scores : terms;
    const series = Object.entries(trial[kind]).map(([name, values]) => ({
      name, type: "line", symbolSize: 9, connectNulls: true,
      symbol: symbols[names.indexOf(name) % symbols.length],
      itemStyle: { color: colours[names.indexOf(name) % colours.length] },
      data: values.map((value, place) => [trial.steps[place], value]),
    }));
    return {
      animation: false, backgroundColor: "transparent", series,
      grid: { left: 60, right: 20, top: 64, bottom: 44 },
      legend: { type: "plain", top: 0, textStyle: { color: ink, fontSize: 13 } },
      tooltip: { trigger: "axis", order: "valueDesc" },
      xAxis: { type: "value", name: "optimizer step", nameLocation: "middle", nameGap: 28, min: 0, max: "dataMax", minInterval: 1, ...axis },
      yAxis: { type: axisType(series), scale: true, ...axis },
    };
  }

  function draw() {
    const trial = trials[select.value];
    charts.forEach((chart) => chart.dispose());
    charts = kinds.map((kind) => {
      const chart = echarts.init(document.getElementById(`curves-${kind}`), dark.matches ? "dark" : null, { renderer: "svg" });
      chart.setOption(option(kind, trial));
      return chart;
    });
  }

  select.addEventListener("change", draw);
  dark.addEventListener("change", draw);
  window.addEventListener("resize", () => charts.forEach((chart) => chart.resize()));
  draw();
})();
