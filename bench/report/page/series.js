// One repetition over time: TCP memory against the limits of the machine, goodput,
// blocked senders. One cursor for all.

let series_choice = { cell: null, at: 0 };
const kPage = 4096;

// tcp_mem of the machine that made the report, in pages: low, pressure, high.
function memoryLimits(cell) {
  const text = overview.reports[cell.report].environment["sysctl.host.net.ipv4.tcp_mem"];
  const limits = (text ?? "").trim().split(/\s+/).map(Number);
  return limits.length === 3 && limits.every(Number.isFinite) ? limits : null;
}

function panel(spec, series, to, readouts) {
  const ys = spec.values.filter(known);
  if (!ys.length) return { root: el("p", { class: "nothing" }, `${spec.title}: not measured.`), setCursor() {} };
  const lines = (spec.lines ?? []).filter(([, value]) => value <= 3 * Math.max(...ys));
  const high = Math.max(...ys, ...lines.map(([, value]) => value)) * 1.08 || 1;
  const plot = makePlot({
    width: plotWidth(), height: spec.last ? 168 : 136, label: spec.title,
    x: { scale: linearScale(0, to), name: (ms) => duration(ms * 1e6), title: "time in the window", hidden: !spec.last },
    y: { scale: linearScale(0, high, spec.binary), name: spec.name },
    onCursor: (share) => readouts.move(share),
  });
  for (const [name, value] of lines) {
    plot.ink.append(svg("line", { class: "limit", x1: plot.left, x2: plot.right, y1: plot.yOf(value), y2: plot.yOf(value) }),
      svg("text", { class: "limit-name", x: plot.right - 4, y: plot.yOf(value) - 4, "text-anchor": "end" }, name));
  }
  shade(plot, series, spec.pressed);
  const points = spec.values.map((value, i) => (known(value) ? [plot.xOf(series.t_ms[i]), plot.yOf(value)] : null));
  if (spec.filled) {
    const area = points.filter(Boolean);
    plot.ink.append(svg("path", {
      class: `area color-${spec.color}`, d: `${pathThrough(area)}L${area.at(-1)[0]} ${plot.bottom}L${area[0][0]} ${plot.bottom}Z`,
    }));
  }
  plot.ink.append(svg("path", { class: `line color-${spec.color}`, d: pathThrough(points) }));
  return plot;
}

// Where TCP was above the machine's pressure line.
function shade(plot, series, pressed) {
  if (!pressed) return;
  series.t_ms.forEach((t, i) => {
    if (!pressed(i)) return;
    const from = i ? series.t_ms[i - 1] : 0;
    plot.ink.prepend(svg("rect", {
      class: "pressure", x: plot.xOf(from), width: Math.max(0.5, plot.xOf(t) - plot.xOf(from)), y: plot.top, height: plot.bottom - plot.top,
    }));
  });
}

function drawSeries(into) {
  const index = state.cells[0];
  if (index === undefined) return put(into);
  const data = cellData(index);
  if (series_choice.cell !== index) series_choice = { cell: index, at: 0 };
  const series = data.series[series_choice.at];
  if (!series || !series.t_ms.length) {
    return put(into, el("p", { class: "nothing" }, "No repetition of this cell has a time series."));
  }
  const limits = memoryLimits(cells[index]);
  const pressed = limits ? (i) => series.tcp_mem_pages[i] > limits[1] : null;
  const to = series.t_ms.at(-1);
  const readout = el("p", { class: "cursor-readout", "aria-live": "polite" });
  const bytes = (pages) => (known(pages) ? scaled(pages * kPage, kSizes) : kNothing);
  const rest = () => `Peak: ${bytes(Math.max(...series.tcp_mem_pages.filter(known)))} of TCP memory, ${count(Math.max(...series.blocked.filter(known)))} senders blocked at once.`;
  const readouts = {
    move(share) {
      for (const one of panels) one.setCursor(share);
      if (share === null) return put(readout, rest());
      let i = series.t_ms.findIndex((t) => t >= share * to);
      if (i < 0) i = series.t_ms.length - 1;
      put(readout, `At ${duration(series.t_ms[i] * 1e6)}: ${bytes(series.tcp_mem_pages[i])} of TCP memory, ` +
        `${known(series.goodput[i]) ? scaled(series.goodput[i], kRates) : kNothing} goodput, ${count(series.blocked[i])} senders blocked.`);
    },
  };
  const panels = [
    panel({ title: "TCP memory of the machine", values: series.tcp_mem_pages, name: bytes, binary: true, color: 0, filled: true, pressed,
      lines: limits && [["tcp_mem pressure", limits[1]], ["tcp_mem max", limits[2]]] }, series, to, readouts),
    panel({ title: "goodput", values: series.goodput, name: (rate) => scaled(rate, kRates), binary: true, color: 2, pressed }, series, to, readouts),
    panel({ title: "senders blocked", values: series.blocked, name: count, color: 1, filled: true, pressed, last: true }, series, to, readouts),
  ];
  put(readout, rest());
  const repetitions = data.series.map((one, i) => [String(i), `${one.repetition}${i === 0 ? " (median blocked time)" : ""}`]);
  put(into, 
    el("div", { class: "controls" }, el("span", {}, `Cell ${cellName(index)}`),
      choice("Repetition", repetitions, String(series_choice.at), (at) => {
        series_choice.at = Number(at);
        drawSeries(into);
      })),
    panels.map((one, i) => el("figure", {}, el("figcaption", {}, ["TCP memory of the machine", "Goodput", "Senders blocked"][i]), one.root)),
    readout,
    !overview.detail[1] && el("p", { class: "hint" }, `In a page of so many cells only the typical repetition is here, in at most ${overview.detail[0]} points (peaks of memory and blocked senders, means of goodput).`));
}
