/* Tabs, copying of commands, print; then everything is drawn. */
paretune.tabs = () => {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const open = (tab) => {
    for (const one of tabs) {
      const isOpen = one === tab;
      one.setAttribute("aria-selected", String(isOpen));
      one.tabIndex = isOpen ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = !isOpen;
    }
    paretune.drawCurves?.();
    paretune.drawAnswers?.();
  };
  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = event.key === "Home" ? tabs[0] : event.key === "End" ? tabs.at(-1) : by ? tabs[(place + by + tabs.length) % tabs.length] : null;
      if (!next) return;
      event.preventDefault();
      open(next);
      next.focus();
    });
  });
};

paretune.copying = () => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
};

/* On paper all panels stand below each other. */
paretune.printing = () => {
  const panels = [...document.querySelectorAll("[role=tabpanel]")];
  let closed = [], folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((details) => { details.open = true; });
    closed = panels.filter((panel) => panel.hidden);
    closed.forEach((panel) => { panel.hidden = false; });
    paretune.redrawCurves?.();
    paretune.drawAnswers?.();
  });
  window.addEventListener("afterprint", () => {
    closed.forEach((panel) => { panel.hidden = true; });
    folded.forEach((details) => { details.open = false; });
    paretune.redrawCurves?.();
  });
};

for (const part of ["chosen", "front", "settings", "curves", "answers", "parallel", "table", "tabs", "copying", "printing"]) paretune[part]();
document.documentElement.dataset.ready = "true";
