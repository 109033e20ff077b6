// Distributions of the chosen cells: percentiles on an axis of 1 - p, and the same
// as a cumulative distribution.

const kCurveTitles = {
  stall: "duration of stalls", send_latency: "send latency (due → accepted by the kernel)",
  delivery_latency: "delivery latency (due → taken by the reading program)", send_call: "time in send()", connect: "time to connect",
};

function flowOf(index) {
  const data = cellData(index);
  return data.flows.find((flow) => flow.name === state.flow) ?? data.flows[0];
}

// [[value, share of events that are larger], ...] as corners of a staircase.
function corners(curve) {
  const found = [];
  let above = curve.n;
  for (let i = 0; i < curve.points.length; i += 2) {
    const value = curve.points[i];
    found.push([value, above / curve.n], [value, curve.points[i + 1] / curve.n]);
    above = curve.points[i + 1];
  }
  return found;
}

// The value that all but a share `above` of the events do not exceed.
function valueAt(curve, above) {
  for (let i = 0; i < curve.points.length; i += 2) {
    if (curve.points[i + 1] / curve.n <= above + 1e-12) return curve.points[i];
  }
  return curve.points.at(-2) ?? null;
}

function chosenCurves() {
  const kinds = Object.keys(kCurveTitles);
  const there = kinds.filter((kind) => state.cells.some((index) => flowOf(index)?.curves[kind]?.n > 0));
  const kind = there.includes(state.curve) ? state.curve : there[0];
  const curves = state.cells.map((index) => ({ index, curve: flowOf(index)?.curves[kind] ?? null }))
    .filter(({ curve }) => curve && curve.n > 0);
  return { there, kind, curves };
}

function drawCurve(plot, curve, color, xOf) {
  const told = [];
  const untold = [];
  // Beyond the last percentile with ten events beyond it, single events decide.
  const limit = 10 / curve.n;
  for (const [value, above] of corners(curve)) {
    const point = xOf(plot, value, above);
    if (above >= limit) told.push(point);
    else untold.push(point);
  }
  if (told.length) untold.unshift(told.at(-1));
  plot.ink.append(
    svg("path", { class: `line color-${color % kColors}`, "stroke-dasharray": kDashes[color % kColors], d: pathThrough(told) }),
    svg("path", { class: `line untold color-${color % kColors}`, d: pathThrough(untold) }));
}

function drawCurves(into) {
  const { there, kind, curves } = chosenCurves();
  if (!curves.length) {
    put(into, el("p", { class: "nothing" }, "None of the chosen cells has a distribution: nothing was blocked, or it was not measured."));
    return;
  }
  const low = Math.min(...curves.map(({ curve }) => Math.max(1, curve.points[0])));
  const high = Math.max(...curves.map(({ curve }) => curve.points.at(-2)));
  const events = Math.max(...curves.map(({ curve }) => curve.n));
  const time = () => ({ scale: logScale(low, high), name: duration });
  const readout = el("tbody");
  const width = plotWidth(2);
  const show = (above) => {
    put(readout, ...curves.map(({ index, curve }) => el("tr", {},
      el("td", {}, swatch(colorOf(index)), " ", cellName(index)), el("td", {}, count(curve.n)),
      above === null ? curve.percentiles.map((value) => el("td", {}, duration(value)))
        : el("td", { class: above * curve.n < 10 ? "doubtful" : null }, duration(valueAt(curve, above))),
      above === null && el("td", {}, duration(curve.points.at(-2))))));
    put(head, el("th", {}, "cell"), el("th", {}, "events"),
      ...(above === null ? ["p50", "p90", "p99", "p99.9", "max"] : [percentileName(above)]).map((name) => el("th", {}, name)));
  };
  const head = el("tr");
  const tail = tailScale(1 / events);
  const percentiles = makePlot({
    width, height: 320, label: `Percentiles of ${kCurveTitles[kind]}`, y: time(),
    x: { scale: tail, name: percentileName, title: "percentile (axis: log of 1 − p)" },
    onCursor: (share) => {
      percentiles.setCursor(share);
      const above = share === null ? null : 10 ** (-share * Math.max(1, Math.ceil(Math.log10(events) - 1e-9)));
      cumulative.setCursor(null);
      show(above);
    },
  });
  const cumulative = makePlot({
    width, height: 320, label: `Cumulative distribution of ${kCurveTitles[kind]}`, x: { ...time(), title: kCurveTitles[kind] },
    y: { scale: linearScale(0, 1), name: percent }, onCursor: (share) => cumulative.setCursor(share),
  });
  for (const { index, curve } of curves) {
    drawCurve(percentiles, curve, colorOf(index), (plot, value, above) => [plot.xOf(Math.max(above, 0.5 / curve.n)), plot.yOf(value)]);
    drawCurve(cumulative, curve, colorOf(index), (plot, value, above) => [plot.xOf(value), plot.yOf(1 - above)]);
  }
  show(null);
  put(into, 
    el("div", { class: "controls" }, choice("Distribution of", there.map((one) => [one, kCurveTitles[one]]), kind, (curve) => change({ curve }))),
    el("div", { class: "pair" }, el("figure", {}, percentiles.root, el("figcaption", {}, "Percentiles: how long the slowest take.")),
      el("figure", {}, cumulative.root, el("figcaption", {}, "Cumulative: how long most take."))),
    el("table", { class: "readout" }, el("thead", {}, head), readout),
    el("p", { class: "hint" }, "Of the events of all good repetitions together (the table of figures has medians over repetitions). Fine dots, and grey figures under the cursor: fewer than ten events lie beyond, and tell of single events; –: too few to tell the percentile."));
}
