// A plot: axes, grid, and a cursor that pointer and arrow keys move. Drawn in SVG
// with classes alone, so that themes and printing need no second drawing.

const kColors = 8;  // --color-0 … in the style
const kDashes = ["", "9 3", "14 3 3 3", "5 3", "18 4", "12 3 3 3 3 3", "4 2", "22 3 6 3"];

// spec: { width, height, x, y: {scale, name(value), title}, label }.
function makePlot(spec) {
  const margin = { left: 66, right: 26, top: 10, bottom: spec.x.hidden ? 8 : 40 };
  const width = spec.width - margin.left - margin.right;
  const height = spec.height - margin.top - margin.bottom;
  const xOf = (value) => margin.left + spec.x.scale.at(value) * width;
  const yOf = (value) => margin.top + (1 - spec.y.scale.at(value)) * height;
  const bottom = margin.top + height;
  const right = margin.left + width;
  const grid = svg("g", { class: "grid", "aria-hidden": "true" });
  const texts = svg("g", { class: "axis" });
  for (const value of spec.x.scale.minor) {
    grid.append(svg("line", { class: "minor", x1: xOf(value), x2: xOf(value), y1: margin.top, y2: bottom }));
  }
  for (const value of spec.y.scale.minor) {
    grid.append(svg("line", { class: "minor", x1: margin.left, x2: right, y1: yOf(value), y2: yOf(value) }));
  }
  for (const value of spec.x.scale.ticks) {
    grid.append(svg("line", { x1: xOf(value), x2: xOf(value), y1: margin.top, y2: bottom }));
    if (spec.x.hidden) continue;
    texts.append(svg("text", { x: xOf(value), y: bottom + 15, "text-anchor": "middle" }, tick(spec.x.name)(value)));
  }
  for (const value of spec.y.scale.ticks) {
    grid.append(svg("line", { x1: margin.left, x2: right, y1: yOf(value), y2: yOf(value) }));
    texts.append(svg("text", { x: margin.left - 7, y: yOf(value) + 4, "text-anchor": "end" }, tick(spec.y.name)(value)));
  }
  if (spec.x.title && !spec.x.hidden) {
    texts.append(svg("text", { class: "title", x: margin.left + width / 2, y: bottom + 33, "text-anchor": "middle" }, spec.x.title));
  }
  const ink = svg("g", { class: "ink" });
  const cursor = svg("line", { class: "cursor", y1: margin.top, y2: bottom, visibility: "hidden" });
  const root = svg("svg", {
    class: "plot", viewBox: `0 0 ${spec.width} ${spec.height}`, role: "img", "aria-label": spec.label,
    tabindex: spec.onCursor ? 0 : null,
  }, grid, texts, ink, cursor);
  const plot = { root, ink, xOf, yOf, left: margin.left, right, top: margin.top, bottom };
  plot.setCursor = (share) => {
    cursor.setAttribute("visibility", share === null ? "hidden" : "visible");
    if (share === null) return;
    const x = margin.left + share * width;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
  };
  if (spec.onCursor) followPointer(plot, spec, width);
  return plot;
}

// Calls spec.onCursor with 0..1 along the x axis, or null when the pointer leaves.
function followPointer(plot, spec, width) {
  let share = null;
  const move = (to) => {
    share = to === null ? null : Math.min(1, Math.max(0, to));
    spec.onCursor(share);
  };
  plot.root.addEventListener("pointermove", (event) => {
    const box = plot.root.getBoundingClientRect();
    const x = (event.clientX - box.left) * (spec.width / box.width);
    move((x - plot.left) / width);
  });
  plot.root.addEventListener("pointerleave", () => move(null));
  plot.root.addEventListener("blur", () => move(null));
  plot.root.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.01, ArrowRight: 0.01, PageUp: -0.1, PageDown: 0.1 }[event.key];
    if (step !== undefined) move((share ?? 0.5) + step);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(1);
    else if (event.key === "Escape") move(null);
    else return;
    event.preventDefault();
  });
}

// A path through points; null breaks it.
function pathThrough(points) {
  let text = "";
  let pen = false;
  for (const point of points) {
    if (point === null) {
      pen = false;
      continue;
    }
    text += `${pen ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    pen = true;
  }
  return text;
}

function swatch(color) {
  return svg("svg", { class: "swatch", viewBox: "0 0 26 10", "aria-hidden": "true" },
    svg("line", { class: `line color-${color % kColors}`, x1: 1, x2: 25, y1: 5, y2: 5, "stroke-dasharray": kDashes[color % kColors] }));
}

// How wide a plot may be, in CSS pixels, where `parts` stand beside each other.
function plotWidth(parts = 1) {
  const page = Math.min(document.documentElement.clientWidth, 1240) - 64;
  if (parts > 1 && page < 760) return Math.max(300, page);
  return Math.max(300, Math.floor(page / parts - (parts > 1 ? 12 : 0)));
}
