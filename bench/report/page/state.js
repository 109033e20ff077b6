// What the reader chose. It lives in the address's fragment, so that a link, a
// reload or a page that was written anew shows the same thing.

const kMostPinned = 8;

const state = (() => {
  const wish = new URLSearchParams(location.hash.slice(1));
  const wanted = (wish.get("cells") ?? "").split(",").map(Number)
    .filter((index) => Number.isInteger(index) && index >= 0 && index < cells.length);
  const metric = present_metrics.find((one) => one.name === wish.get("metric"));
  const flow = wish.get("flow");
  return {
    metric: (metric ?? present_metrics.find((one) => one.name === "stall.time") ?? present_metrics[0])?.name ?? "",
    flow: flow_names.includes(flow) ? flow : worstFlow(),
    curve: wish.get("curve") ?? "",
    cells: wish.has("cells") && wanted.length ? wanted.slice(0, kMostPinned) : firstCells(),
    plots: wish.has("plots"),
    theme: ["light", "dark"].includes(wish.get("theme")) ? wish.get("theme") : "auto",
  };
})();

// The flow group that is blocked most, in the cell that is.
function worstFlow() {
  const cell = cells[worstCell()];
  if (!cell) return "";
  let at = 0;
  cell.causes.forEach(([share], i) => {
    if ((share ?? -1) > (cell.causes[at][0] ?? -1)) at = i;
  });
  return cell.flows[at] ?? "";
}

// The worst cell, and beside it what it is to be seen against: all of a few cells.
// Of several reports, the same cell of each.
function firstCells() {
  if (cells.length === 0) return [];
  const worst = worstCell();
  if (many) {
    const same = cells.map((_, i) => i).filter((i) => cells[i].id === cells[worst].id && i !== worst);
    return [worst, ...same].slice(0, kMostPinned);
  }
  if (cells.length <= 4) return [worst, ...cells.map((_, i) => i).filter((i) => i !== worst)];
  return [worst];
}

const listeners = [];
function onChange(redraw) {
  listeners.push(redraw);
}

function change(changes) {
  Object.assign(state, changes);
  const fragment = new URLSearchParams({ metric: state.metric, flow: state.flow, cells: state.cells.join(",") });
  if (state.curve) fragment.set("curve", state.curve);
  if (state.theme !== "auto") fragment.set("theme", state.theme);
  history.replaceState(null, "", `#${fragment}`);
  for (const redraw of listeners) redraw();
}

// One cell alone; or, added to those that are shown already, one more or one less.
function chooseCell(index, add) {
  if (!add) return change({ cells: [index] });
  const others = state.cells.filter((one) => one !== index);
  if (others.length < state.cells.length) return change({ cells: others.length ? others : [index] });
  return change({ cells: [...state.cells, index].slice(-kMostPinned) });
}

// The colour of a cell in all plots is its place among those chosen.
const colorOf = (index) => Math.max(0, state.cells.indexOf(index));
