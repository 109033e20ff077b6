// The longest stalls of the first chosen cell, and what its other probes found.

function worstRow(stall) {
  const stack = stall.stack.length ? stall.stack.join(" ← ") : stall.no_stack;
  return el("tr", {},
    el("td", { class: "number" }, duration(stall.ns), stall.open && "+"), el("td", {}, stall.local), el("td", {}, stall.remote), el("td", {}, stall.flow),
    el("td", {}, stall.sub ? `${stall.cause} (${stall.sub})` : stall.cause), el("td", { class: "number" }, count(stall.waits)),
    el("td", { class: "number" }, scaled(stall.queued, kSizes)), el("td", { class: "number" }, scaled(stall.sndbuf, kSizes)),
    el("td", { class: "number" }, scaled(stall.window, kSizes)), el("td", { class: "number" }, count(stall.pages)), el("td", { class: "quiet" }, stack));
}

function drawWorst(into) {
  const index = state.cells[0];
  if (index === undefined) return put(into);
  const { worst, findings } = cellData(index);
  const columns = ["blocked", "sender", "reader", "flow", "cause", "waits", "queued", "send buffer", "peer's window", "TCP pages", "waited in"];
  put(into,
    el("p", { class: "answer" }, el("b", {}, cellName(index)), worst.length ? "" : ": none was kept; \"worst_stalls\" among a scenario's probes keeps them."),
    worst.length > 0 && el("div", { class: "wide" }, el("table", { class: "worst" }, el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, worst.map(worstRow)))),
    findings.length > 0 && el("dl", { class: "findings" }, findings.map(([probe, found]) => [el("dt", {}, probe), el("dd", {}, found)])),
    el("p", { class: "hint" }, "Of all good repetitions. +: the window's end cut it."));
}
