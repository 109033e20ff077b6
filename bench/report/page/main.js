// Puts the page together, top to bottom in the order of what a reader asks.

function themeButton() {
  const next = { auto: "dark", dark: "light", light: "auto" };
  const apply = () => {
    if (state.theme === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", state.theme);
  };
  const press = () => {
    change({ theme: next[state.theme] });
    apply();
    toggle.textContent = `theme: ${state.theme}`;
  };
  const toggle = button(`theme: ${state.theme}`, { class: "theme" }, press);
  apply();
  return toggle;
}

function banner() {
  const names = [...new Set(overview.reports.map((report) => report.name || report.file))].join(", ");
  return el("header", { class: "banner" }, el("span", { class: "brand" }, "netstall"), el("h1", {}, names),
    el("nav", { "aria-label": "Page" }, themeButton(), button("JSON", { title: "Save this page's data" }, downloadAll), button("print", {}, () => print())));
}

// Sections that are drawn anew when a choice changes; each a heading and its drawing.
function parts() {
  const compared = overview.comparisons.length > 0;
  return [
    many && ["differences", "Environment", "In what the machines and scenarios differ.", (into) => put(into, ...differences())],
    cells.length > 1 && ["sweep", "The sweep", "Which setting blocks senders, and how much.", drawHeatMap],
    ["way", "The path of a byte", "From one program to the other: where it waited, and what was dropped.", drawPath],
    ["distribution", "How long", "Distributions of the chosen cells.", drawCurves],
    ["causes", "Why", "The share of their time that senders were blocked, by cause.", drawCauses],
    ["worst", "The longest stalls", "Each with its connection, and its socket when the longest of its waits began.", drawWorst],
    ["time", "When", "One repetition, as it went.", drawSeries],
    compared && ["ratios", "What changed", "Ratios of medians with 95 % intervals; within the grey band a change does not matter.", drawForest],
    ["figures", "All figures", null, drawTable],
    ["origin", "Where this comes from", null, drawEnvironment],
  ].filter(Boolean);
}

// What does not depend on a choice is drawn once.
const kFixed = new Set(["differences", "ratios", "origin"]);

function start() {
  const page = document.getElementById("page");
  const live = el("div");
  const verdict = el("div", { class: "answer-box" });
  put(page, banner(), live, verdict);
  drawLive(live);
  drawVerdict(verdict);
  if (cells.length === 0) return;
  for (const [id, title, lead, draw] of parts()) {
    const body = el("div");
    page.append(section(id, title, lead, body));
    draw(body);
    if (kFixed.has(id)) continue;
    onChange(() => draw(body));
  }
  let width = innerWidth;
  let timer = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(() => change({}), 150);
  });
  document.documentElement.dataset.ready = "yes";
  if (state.plots) leaveOnlyPlots();
}

start();
