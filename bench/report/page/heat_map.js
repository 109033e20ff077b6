// The sweep at a glance: a table of cells, colour the metric, glyph the verdict.
// Two axes span a table; the others make a table each.

const kGlyphs = {
  regressed: "▲", appeared: "✚", vanished: "○", inconclusive: "?", improved: "▼", unchanged: "=",
};
const kCauseGlyphs = {
  sndbuf_full: "■", sndbuf_moderated: "◧", notsent_lowat: "▤", mem_shortage: "◆", receiver_drop: "✕", cgroup_throttle: "◐", eagain_spin: "↻", unknown: "?",
};

// What a tile says besides its colour: the verdict, else the expectations, else why.
function mark(cell) {
  // Of one report the cause says more than how a cell differs from the first.
  const verdict = many ? verdictOf(cell) : null;
  if (verdict) return { glyph: kGlyphs[verdict.verdict], text: verdict.verdict, worse: verdict.worse };
  const [passed, judged] = cell.expectations;
  if (judged > 0) {
    const met = passed === judged;
    return { glyph: met ? "✓" : "✗", text: `${passed} of ${judged} expectations met`, worse: !met };
  }
  const cause = mainCause(cell, state.flow);
  return cause ? { glyph: kCauseGlyphs[cause] ?? "●", text: cause, worse: false } : { glyph: "", text: "", worse: false };
}

// 0..1 for the colour: larger is worse. Logarithmic where values span decades; what
// differs by less than matters has nearly one colour.
function heatScale() {
  const metric = metrics.get(state.metric);
  const found = cells.map((cell) => values(cell, state.metric, state.flow)?.median).filter(known);
  const high = Math.max(...found);
  const positive = found.filter((value) => value > 0);
  const low = Math.min(...positive);
  const turned = (share) => (metric?.higher ? 1 - share : share);
  if (!positive.length) return { at: () => 0, low: 0, high: 0, log: false };
  if (high / low < 30) {
    const least = Math.min(...found);
    const [relative, absolute] = metric?.matters ?? [0, 0];
    const span = Math.max(high - least, relative * high, absolute) || 1;
    const from = Math.max(0, (least + high - span) / 2);
    return { at: (value) => turned((value - from) / span), low: from, high: from + span, log: false };
  }
  // What is 0 is below every other.
  const span = Math.log(high / low);
  return {
    at: (value) => turned(value > 0 ? 0.12 + 0.88 * (Math.log(value / low) / span) : 0), low: Math.min(...found), high, log: true,
  };
}

function tile(index, heat, roomy) {
  const cell = cells[index];
  const metric = metrics.get(state.metric);
  const value = values(cell, state.metric, state.flow);
  const { glyph, text, worse } = mark(cell);
  const share = value ? heat.at(value.median) : 0;
  const shown = value ? figure(metric, value.median) : "no data";
  const chosen = state.cells.includes(index);
  return el("button", {
    type: "button", class: `tile ${value ? "" : "empty"} ${share > 0.55 ? "hot" : ""} ${worse ? "worse" : ""} ${roomy ? "roomy" : ""}`,
    style: value ? { "--heat": `${(100 * share).toFixed(1)}%` } : {},
    "data-cell": index, "aria-pressed": String(chosen), tabindex: index === state.cells[0] ? 0 : -1,
    "aria-label": `${cell.id}: ${shown}${text ? `, ${text}` : ""}`, title: `${cell.id}\n${metricTitle(state.metric)}: ${shown}${text ? `\n${text}` : ""}`,
    on: { click: (event) => chooseCell(index, event.shiftKey || event.ctrlKey || event.metaKey) },
  }, roomy && el("span", { class: "value" }, shown), el("span", { class: "glyph", "aria-hidden": "true" }, glyph));
}

// Which axes span the table: the two with the most values.
function layout() {
  const varied = axes.filter(([, of]) => of.length > 1).sort((a, b) => b[1].length - a[1].length);
  const [across, down, ...rest] = varied;
  return { across, down, rest };
}

function facets(rest) {
  const groups = new Map();
  cells.forEach((cell, index) => {
    const key = rest.map(([axis]) => `${axisName(axis)} ${parameters(cell)[axis] ?? kNothing}`).join(", ");
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(index);
  });
  return groups;
}

function heatTable(caption, indices, { across, down }, heat, roomy) {
  const valueOf = (index, axis) => (axis ? parameters(cells[index])[axis[0]] ?? "" : "");
  const at = new Map(indices.map((index) => [`${valueOf(index, down)}\n${valueOf(index, across)}`, index]));
  const columns = across ? across[1] : [""];
  const rows = down ? down[1] : [""];
  return el("table", { class: "heat" }, caption && el("caption", {}, caption),
    el("thead", {}, el("tr", {}, el("td", { class: "corner" },
      across && el("span", {}, `${axisName(across[0])} →`), down && el("span", {}, `${axisName(down[0])} ↓`)),
      columns.map((value) => el("th", { scope: "col", title: value }, value)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, el("th", { scope: "row", title: row }, row),
      columns.map((column) => {
        const index = at.get(`${row}\n${column}`);
        return el("td", {}, index === undefined ? el("span", { class: "absent" }) : tile(index, heat, roomy));
      })))));
}

// Arrow keys walk over the tiles by where they are on the screen.
function walkTiles(event) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const from = event.target.closest(".tile");
  if (!step || !from) return;
  event.preventDefault();
  const here = from.getBoundingClientRect();
  let nearest = null;
  let least = Infinity;
  for (const other of event.currentTarget.querySelectorAll(".tile")) {
    const there = other.getBoundingClientRect();
    const along = (there.x - here.x) * step[0] + (there.y - here.y) * step[1];
    const aside = Math.abs((there.x - here.x) * step[1]) + Math.abs((there.y - here.y) * step[0]);
    if (along > 1 && along + 4 * aside < least) [nearest, least] = [other, along + 4 * aside];
  }
  if (!nearest) return;
  from.tabIndex = -1;
  nearest.tabIndex = 0;
  nearest.focus();
}

function heatLegend(heat) {
  const metric = metrics.get(state.metric);
  const glyphs = new Map();
  for (const cell of cells) {
    const { glyph, text } = mark(cell);
    if (glyph && !text.includes(" of ")) glyphs.set(glyph, text);
  }
  const ends = metric?.higher ? [heat.high, heat.low] : [heat.low, heat.high];
  return el("p", { class: "legend" },
    figure(metric, ends[0]), el("span", { class: "ramp", "aria-hidden": "true" }), figure(metric, ends[1]), heat.log && " (logarithmic)",
    [...glyphs].map(([glyph, text]) => el("span", { class: "key" }, el("b", {}, glyph), ` ${text}`)),
    cells.some((cell) => !values(cell, state.metric, state.flow)) && el("span", { class: "key" }, el("span", { class: "hatch" }), " no data"));
}

function drawHeatMap(into) {
  const focused = into.contains(document.activeElement) ? document.activeElement.dataset.cell : undefined;
  const heat = heatScale();
  const { across, down, rest } = layout();
  const roomy = (across ? across[1].length : 1) <= 8 && cells.length <= 64;
  const tables = [...facets(rest)].map(([caption, indices]) => heatTable(caption, indices, { across, down }, heat, roomy));
  put(into, 
    el("div", { class: "controls" },
      choice("Colour", present_metrics.map((metric) => [metric.name, metricTitle(metric.name)]), state.metric, (metric) => change({ metric })),
      flow_names.length > 1 && choice("Flow", flow_names.map((name) => [name, name]), state.flow, (flow) => change({ flow }))),
    el("p", { class: "hint" }, metrics.get(state.metric)?.meaning ?? ""),
    el("div", { class: "heat-maps", on: { keydown: walkTiles } }, tables), heatLegend(heat),
    el("p", { class: "hint screen" }, "Click a cell to look into it; Shift adds it to the plots. Arrow keys walk."));
  if (focused !== undefined) into.querySelector(`[data-cell="${focused}"]`)?.focus();
}
