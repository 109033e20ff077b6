// A section of the page as one SVG file that stands alone: what the browser laid out,
// read back box by box, so that no plot is drawn a second time. Colours become plain
// ones, because few other programs know those of this style.

const kDrawn = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity",
  "font-size", "font-family", "font-weight", "text-anchor", "visibility"];
const kPlots = { sweep: "sweep", way: "path", distribution: "distributions", causes: "causes", time: "series", ratios: "ratios" };

const plainColor = (() => {
  const known_colors = new Map();
  let paint = null;
  return (color) => {
    if (!known_colors.has(color)) {
      paint ??= Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
      paint.clearRect(0, 0, 1, 1);
      paint.fillStyle = color;
      paint.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
      known_colors.set(color, a === 0 ? null : `#${[r, g, b].map((part) => part.toString(16).padStart(2, "0")).join("")}`);
    }
    return known_colors.get(color);
  };
})();

// A colour of the style by its name.
function namedColor(name) {
  const probe = el("i", { style: { color: `var(${name})` } });
  document.body.append(probe);
  const color = plainColor(getComputedStyle(probe).color);
  probe.remove();
  return color;
}

// A drawing within the section, with its style written into it.
function inlined(original) {
  const copy = original.cloneNode(true);
  const from = [original, ...original.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((node, i) => {
    const style = getComputedStyle(from[i]);
    for (const name of kDrawn) {
      const value = style.getPropertyValue(name);
      if (value) node.setAttribute(name, name === "fill" || name === "stroke" ? (value === "none" ? "none" : plainColor(value) ?? "none") : value);
    }
    for (const name of ["class", "tabindex", "role", "aria-hidden"]) node.removeAttribute(name);
  });
  return copy;
}

// The lines of a text node as the browser broke them, without space around them.
function textLines(node) {
  const range = document.createRange();
  const lines = [];
  let space = "";
  for (let i = 0; i < node.data.length; i++) {
    if (!node.data[i].trim()) {
      space = " ";
      continue;
    }
    range.setStart(node, i);
    range.setEnd(node, i + 1);
    const box = range.getBoundingClientRect();
    const last = lines.at(-1);
    if (last && Math.abs(last.top - box.top) < 2) Object.assign(last, { text: last.text + space + node.data[i], right: box.right });
    else lines.push({ text: node.data[i], left: box.left, right: box.right, top: box.top, bottom: box.bottom });
    space = "";
  }
  return lines;
}

// Without what is for a reader at the screen only.
function drawSection(node) {
  document.documentElement.dataset.drawing = "yes";
  try {
    return drawn(node);
  } finally {
    delete document.documentElement.dataset.drawing;
  }
}

function drawn(node) {
  const frame = node.getBoundingClientRect();
  const out = svg("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${Math.ceil(frame.width) + 32} ${Math.ceil(frame.height) + 24}`,
    width: Math.ceil(frame.width) + 32, height: Math.ceil(frame.height) + 24 });
  const x = (value) => Number((value - frame.left + 16).toFixed(1));
  const y = (value) => Number((value - frame.top + 8).toFixed(1));
  const paper = plainColor(getComputedStyle(document.body).backgroundColor);
  out.append(svg("title", {}, node.querySelector("h2")?.textContent ?? "netstall"),
    svg("defs", {}, svg("pattern", { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("rect", { width: 2, height: 8, fill: namedColor("--line") }))),
    svg("rect", { width: "100%", height: "100%", fill: paper }));

  const text = (words, style, box, more = {}) => out.append(svg("text", {
    x: x(box.left), y: y(box.bottom - (box.bottom - box.top) * 0.23), fill: plainColor(style.color), "font-size": style.fontSize,
    "font-family": style.fontFamily, "font-weight": style.fontWeight, "font-style": style.fontStyle === "normal" ? null : style.fontStyle, ...more }, words));

  const box = (element, style) => {
    const at = element.getBoundingClientRect();
    const place = { x: x(at.left), y: y(at.top), width: at.width.toFixed(1), height: at.height.toFixed(1), rx: parseFloat(style.borderTopLeftRadius) || null };
    const color = plainColor(style.backgroundColor);
    if (color) out.append(svg("rect", { ...place, fill: color }));
    if (style.backgroundImage.startsWith("repeating")) out.append(svg("rect", { ...place, fill: "url(#hatch)" }));
    else if (style.backgroundImage.includes("gradient")) ramp(at, place);
    const sides = ["Top", "Right", "Bottom", "Left"].map((side) => [parseFloat(style[`border${side}Width`]), plainColor(style[`border${side}Color`])]);
    const same = sides.every(([width, of]) => width > 0 && width === sides[0][0] && of === sides[0][1]);
    if (same && sides[0][1]) out.append(svg("rect", { ...place, fill: "none", stroke: sides[0][1], "stroke-width": sides[0][0] }));
    else if (!same) {
      const ends = [[at.left, at.top, at.right, at.top], [at.right, at.top, at.right, at.bottom], [at.left, at.bottom, at.right, at.bottom], [at.left, at.top, at.left, at.bottom]];
      sides.forEach(([width, of], i) => {
        if (width > 0 && of) out.append(svg("line", { x1: x(ends[i][0]), y1: y(ends[i][1]), x2: x(ends[i][2]), y2: y(ends[i][3]), stroke: of, "stroke-width": width }));
      });
    }
    // The arrow between two stations.
    const after = getComputedStyle(element, "::after");
    const arrow = /^"(.)"$/.exec(after.content)?.[1];
    if (arrow) text(arrow, after, { left: at.right + 5, bottom: (at.top + at.bottom) / 2 + 10, top: (at.top + at.bottom) / 2 - 10 });
  };

  // The legend of the heat map: its colours in a row.
  const ramp = (at, place) => {
    const stops = ["--heat-low", "--heat-mid", "--heat-high"].map((name, i) => svg("stop", { offset: i / 2, "stop-color": namedColor(name) }));
    out.querySelector("defs").append(svg("linearGradient", { id: "ramp" }, stops));
    out.append(svg("rect", { ...place, fill: "url(#ramp)" }));
  };

  const walk = (element) => {
    const style = getComputedStyle(element);
    if (style.display === "none" || style.visibility === "hidden") return;
    if (element.localName === "svg") {
      const at = element.getBoundingClientRect();
      const copy = inlined(element);
      for (const [name, value] of Object.entries({ x: x(at.left), y: y(at.top), width: at.width.toFixed(1), height: at.height.toFixed(1) })) copy.setAttribute(name, value);
      const color = plainColor(style.backgroundColor);
      if (color) out.append(svg("rect", { x: x(at.left), y: y(at.top), width: at.width.toFixed(1), height: at.height.toFixed(1), fill: color }));
      out.append(copy);
      return;
    }
    if (element !== node) box(element, style);
    for (const child of element.childNodes) {
      if (child.nodeType === Node.ELEMENT_NODE) walk(child);
      else if (child.nodeType === Node.TEXT_NODE) {
        for (const one of textLines(child)) text(one.text, style, one, { textLength: (one.right - one.left).toFixed(1), lengthAdjust: "spacingAndGlyphs" });
      }
    }
  };
  walk(node);
  return new XMLSerializer().serializeToString(out);
}

const plotFile = (id) => `${kPlots[id]}.svg`;
function savePlot(id) {
  download(plotFile(id), "image/svg+xml", drawSection(document.getElementById(id)));
}

// For a program that opens this page to have its plots: the page becomes their texts.
function leaveOnlyPlots() {
  const drawings = {};
  for (const id of Object.keys(kPlots)) {
    const node = document.getElementById(id);
    if (node) drawings[plotFile(id)] = drawSection(node);
  }
  const text = JSON.stringify(drawings).replaceAll("<", "\\u003c");
  document.documentElement.replaceChildren(el("script", { type: "application/json", id: "plots" }, text));
}
