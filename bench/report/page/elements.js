// Making elements. A property is an attribute, but for: `class`, `on` (handlers by
// event), `style` (custom or plain properties, set one by one: a style attribute
// would be against the page's own policy), and `value` or `checked` of a control.

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else if (name === "style") {
      for (const [property, text] of Object.entries(value)) node.style.setProperty(property, text);
    } else if (name === "value" || name === "checked") {
      node[name] = value;
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

// Puts children in the place of those that are there.
function put(into, ...children) {
  into.replaceChildren();
  return fill(into, null, children);
}

function el(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

function svg(tag, properties, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

// A section of the page: its heading, one sentence of what it answers, its body.
function section(id, title, lead, ...body) {
  return el("section", { id, "aria-labelledby": `${id}-title` },
    el("div", { class: "heading" }, el("h2", { id: `${id}-title` }, title),
      id in kPlots && button("SVG", { class: "save", title: "Save this plot as a file", "aria-label": `Save ${title} as SVG` }, () => savePlot(id))), lead && el("p", { class: "lead" }, lead), body);
}

// A labelled choice of one of several: [[value, text], ...].
function choice(label, options, value, choose) {
  return el("label", { class: "choice" }, label, " ",
    el("select", { on: { change: (event) => choose(event.target.value) } },
      options.map(([key, text]) => el("option", { value: key, selected: key === value }, text))));
}

function button(text, properties, press) {
  return el("button", { type: "button", ...properties, on: { click: press } }, text);
}
