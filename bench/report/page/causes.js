// Where the blocked time went: a bar per cell, stacked by cause. Patterns beside
// colours, for paper and for eyes that see colours alike.

const kMostBars = 24;
const cause_names = [...new Set(cells.flatMap((cell) => cell.causes.flatMap((of) => of.filter((_, i) => i % 2 === 1))))].sort();
// Each cause has its colour in every page.
const kCauseColors = {
  sndbuf_full: 0, mem_shortage: 1, receiver_drop: 2, sndbuf_moderated: 3, notsent_lowat: 4, cgroup_throttle: 5, eagain_spin: 6, unknown: 7,
};
const causeColor = (cause) => kCauseColors[cause] ?? 7;

function barsOf() {
  const all = cells.map((cell, index) => {
    const at = Math.max(0, cell.flows.indexOf(state.flow));
    const [share, ...parts] = cell.causes[at] ?? [null];
    const stack = [];
    for (let i = 0; i < parts.length; i += 2) stack.push([parts[i], parts[i + 1]]);
    return { index, share, stack };
  });
  if (all.length <= kMostBars) return { bars: all, left: 0 };
  const worst = [...all].sort((a, b) => (b.share ?? -1) - (a.share ?? -1)).slice(0, kMostBars - state.cells.length);
  const shown = new Set([...state.cells, ...worst.map(({ index }) => index)]);
  return { bars: all.filter(({ index }) => shown.has(index)).sort((a, b) => (b.share ?? -1) - (a.share ?? -1)), left: all.length - shown.size };
}

function bar({ index, share, stack }, most) {
  const row = svg("svg", { class: "bar", viewBox: "0 0 1000 20", preserveAspectRatio: "none", role: "img",
    "aria-label": stack.map(([cause, part]) => `${cause} ${percent(part)}`).join(", ") || "not blocked" });
  let at = 0;
  for (const [cause, part] of stack) {
    const width = (1000 * part) / most;
    row.append(svg("rect", { class: `part cause-${causeColor(cause)}`, x: at, y: 1, width, height: 18 }, svg("title", {}, `${cause}: ${percent(part)} of the time`)));
    at += width;
  }
  if (!stack.length && share > 0) row.append(svg("rect", { class: "part cause-none", x: 0, y: 1, width: (1000 * share) / most, height: 18 }));
  return row;
}

function drawCauses(into) {
  const { bars, left } = barsOf();
  const most = Math.max(1e-9, ...bars.map(({ share }) => share ?? 0));
  const not_told = cells.length ? cellData(state.cells[0]).flows.flatMap((flow) => flow.not_told) : [];
  put(into, 
    el("p", { class: "legend" }, cause_names.map((cause) => el("span", { class: "key" },
      svg("svg", { class: "swatch", viewBox: "0 0 26 10", "aria-hidden": "true" }, svg("rect", { class: `part cause-${causeColor(cause)}`, width: 26, height: 10 })), ` ${cause}`))),
    el("table", { class: "bars" }, el("tbody", {}, bars.map((one) => el("tr", { class: state.cells.includes(one.index) ? "chosen" : null },
      el("th", { scope: "row" }, button(cellName(one.index), { class: "link" }, (event) => chooseCell(one.index, event.shiftKey))),
      el("td", {}, bar(one, most)),
      el("td", { class: "number" }, known(one.share) ? percent(one.share) : "not measured"))))),
    left > 0 && el("p", { class: "hint" }, `The worst ${bars.length} cells; ${left} more in the table.`),
    not_told.length > 0 && el("p", { class: "hint" }, `What this backend cannot tell, and so counts elsewhere: ${[...new Set(not_told)].join(", ")}.`));
}
