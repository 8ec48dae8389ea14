/* Colours from the style sheet, so that charts follow light, dark and print; marks that differ in form as well. */
paretune.theme = (() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];
  const slots = ["first", "second", "third", "fourth", "fifth", "sixth"];
  const symbols = ["circle", "diamond", "triangle", "rect", "pin", "arrow"];
  const dashes = ["solid", [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2]];
  const paths = [
    "M8 2.5a5.5 5.5 0 1 0 .01 0Z", "M8 .5 15.5 8 8 15.5.5 8Z", "M8 1.5 15 14.5H1Z", "M2.5 2.5h11v11h-11Z",
    "M8 15.5C3 10 2.5 7.5 2.5 6a5.5 5.5 0 0 1 11 0c0 1.500-.5 4-5.500 9.500Z", "M8 .5 14 15.500 8 11.500 2 15.500Z",
  ];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  dark.addEventListener("change", () => listeners.forEach((draw) => draw()));
  return {
    slots: slots.length,
    colour,
    slot: (place) => ({ colour: colour(slots[place]), symbol: symbols[place], dash: dashes[place] }),
    onChange: (draw) => listeners.push(draw),
    mark(place) {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", "0 0 16 16");
      svg.setAttribute("aria-hidden", "true");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", paths[place]);
      path.setAttribute("style", `fill: var(--${slots[place]})`);
      svg.append(path);
      return svg;
    },
    text: () => ({ color: colour("soft"), fontSize: 12.5, fontFamily: getComputedStyle(document.body).fontFamily }),
    axis() {
      return {
        axisLabel: { ...this.text(), hideOverlap: true },
        nameTextStyle: { ...this.text(), color: colour("ink") },
        axisLine: { lineStyle: { color: colour("strong-rule") } },
        axisTick: { lineStyle: { color: colour("strong-rule") } },
        splitLine: { lineStyle: { color: colour("rule") } },
      };
    },
    tooltip() {
      return {
        confine: true, backgroundColor: colour("card"), borderColor: colour("strong-rule"), padding: [8, 12],
        textStyle: { ...this.text(), color: colour("ink") },
        extraCssText: "box-shadow: 0 4px 16px rgb(0 0 0 / 18%); max-width: 24rem; white-space: normal; border-radius: 8px;",
      };
    },
  };
})();
