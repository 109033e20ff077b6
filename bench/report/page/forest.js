// Ratios with their 95 % intervals: where an interval leaves the grey band of what
// does not matter, there is a change.

const kFirstRows = 24;
let forest_choice = { comparison: 0, all: false, reported: false };

const kVerdictTexts = {
  regressed: "worse", appeared: "appeared", vanished: "vanished", inconclusive: "not decided", improved: "better", unchanged: "unchanged",
};

// An arrow where an interval leaves the plot.
function interval(row, scale) {
  const width = 300;
  const at = (ratio) => width * Math.min(1, Math.max(0, scale.at(ratio)));
  const drawing = svg("svg", { class: "forest-plot", viewBox: `0 0 ${width} 22`, role: "img", "aria-label": row.change || row.verdict });
  const band = [1 / (1 + row.smallest), 1 + row.smallest];
  drawing.append(svg("rect", { class: "band", x: at(band[0]), width: at(band[1]) - at(band[0]), y: 0, height: 22 }),
    svg("line", { class: "one", x1: at(1), x2: at(1), y1: 0, y2: 22 }));
  const kind = row.worse ? "worse" : row.verdict;
  const arrow = (right) => svg("path", { class: `arrow ${kind}`, d: right ? "M300 11L291 5V17Z" : "M0 11L9 5V17Z" });
  // Something against nothing has no ratio: it lies beyond the end of the axis.
  if (row.verdict === "appeared" || row.verdict === "vanished") drawing.append(arrow(row.verdict === "appeared"));
  if (!known(row.ratio)) return drawing;
  if (row.interval) {
    drawing.append(svg("line", { class: `whisker ${kind}`, x1: at(row.interval[0] ?? 0), x2: at(row.interval[1] ?? Infinity), y1: 11, y2: 11 }));
    const [low, high] = row.interval;
    if (!known(low) || scale.at(low) < 0) drawing.append(arrow(false));
    if (!known(high) || scale.at(high) > 1) drawing.append(arrow(true));
  }
  drawing.append(svg("rect", { class: `dot ${kind}`, x: at(row.ratio) - 4.5, y: 6.5, width: 9, height: 9 }));
  return drawing;
}

function ratioScale(rows) {
  const all = rows.flatMap((row) => [row.ratio, ...(row.interval ?? [])]).filter((value) => known(value) && value > 0);
  const most = Math.min(20, Math.max(1.5, ...all.map((value) => Math.max(value, 1 / value)))) * 1.08;
  const span = Math.log(most);
  return { most, at: (ratio) => (ratio > 0 ? (Math.log(ratio) / span + 1) / 2 : 0) };
}

const cell_names = new Map(cells.map((cell, index) => [cell.id, shortName(index)]));

function forestRow(row, scale) {
  return el("tr", { class: row.worse ? "worse" : row.verdict },
    el("td", { class: "verdict" }, el("b", { "aria-hidden": "true" }, kGlyphs[row.verdict]), ` ${kVerdictTexts[row.verdict]}`),
    el("td", {}, cells.length > 1 && (cell_names.get(row.cell) ?? row.cell), row.flow && flow_names.length > 1 && el("span", { class: "flow" }, ` ${row.flow}`)),
    el("td", { title: metrics.get(row.metric)?.meaning }, metricTitle(row.metric), !row.gating && el("span", { class: "quiet" }, " (not gating)")),
    el("td", {}, interval(row, scale)), el("td", { class: "change" }, row.change || kNothing, row.reason && el("span", { class: "reason" }, row.reason)));
}

function drawForest(into) {
  const comparison = overview.comparisons[forest_choice.comparison];
  const wanted = comparison.rows.filter((row) => row.gating || forest_choice.reported);
  const rows = forest_choice.all ? wanted : wanted.slice(0, kFirstRows);
  const scale = ratioScale(rows);
  const redraw = (changes) => {
    Object.assign(forest_choice, changes);
    drawForest(into);
  };
  const table = [
    el("div", { class: "controls" },
      overview.comparisons.length > 1 && choice("Report", overview.comparisons.map((one, i) => [String(i), one.b]), String(forest_choice.comparison), (at) => redraw({ comparison: Number(at) })),
      el("label", { class: "choice" }, el("input", { type: "checkbox", checked: forest_choice.reported, on: { change: (event) => redraw({ reported: event.target.checked }) } }), " metrics that do not decide, too")),
    el("div", { class: "wide" }, el("table", { class: "forest" }, el("thead", {}, el("tr", {}, ["verdict", "cell", "metric", `ratio, log axis, to ×${scale.most.toFixed(scale.most < 3 ? 2 : 0)}`, "medians and ratio"].map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, rows.map((row) => forestRow(row, scale))))),
    rows.length < wanted.length && button(`Show all ${wanted.length} rows`, { class: "more" }, () => redraw({ all: true })),
    comparison.all_rows > comparison.rows.length && el("p", { class: "hint" }, `${comparison.all_rows - comparison.rows.length} rows more, none worse, are left out of this page.`),
  ];
  const undecided = comparison.rows.every((row) => !row.gating || row.verdict === "inconclusive");
  put(into, el("p", {}, el("b", {}, comparison.b), " against ", el("b", {}, comparison.a), `: ${comparison.counts}.`),
    undecided && !many ? el("details", { open: forest_choice.open, on: { toggle: (event) => { forest_choice.open = event.target.open; } } },
      el("summary", {}, `Nothing is decided: ${comparison.rows[0]?.reason ?? "there is nothing to compare"}. The figures all the same`), table) : table,
    comparison.remarks.length > 0 && el("details", { class: "remarks" }, el("summary", {}, `${comparison.remarks.length} ${comparison.remarks.length === 1 ? "remark" : "remarks"}`), el("ul", {}, comparison.remarks.map((text) => el("li", {}, text)))));
}
