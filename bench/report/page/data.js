// The page's data: the overview is read at once, a cell when somebody looks at it.

const overview = JSON.parse(document.getElementById("overview").textContent);
const metrics = new Map(overview.metrics.map((metric) => [metric.name, metric]));
const cells = overview.cells;
const many = overview.reports.length > 1;

const read_cells = new Map();
function cellData(index) {
  if (!read_cells.has(index)) {
    read_cells.set(index, JSON.parse(document.getElementById(`cell-${index}`).textContent));
  }
  return read_cells.get(index);
}

function pathData(index) {
  return JSON.parse(document.getElementById(`path-${index}`).textContent);
}

// The median, smallest and largest value of a metric over a cell's repetitions, for
// a flow group's name; metrics of the whole repetition are every flow's.
function values(cell, metric, flow) {
  const at = cell.flows.indexOf(flow);
  const row = cell.rows.find(([name, of]) => name === metric && (of === at || of === -1));
  return row ? { median: row[2], min: row[3], max: row[4] } : null;
}

const flow_names = [...new Set(cells.flatMap((cell) => cell.flows))];

// Metrics that any cell has a value of, in the catalogue's order.
const present_metrics = overview.metrics.filter(
  (metric) => cells.some((cell) => cell.rows.some(([name]) => name === metric.name)));

// Where cells of several reports stand together, the report is an axis like others.
const kReportAxis = "report";
function parameters(cell) {
  return many ? { [kReportAxis]: reportName(cell.report), ...cell.parameters } : cell.parameters;
}

function reportName(index) {
  const file = overview.reports[index].file;
  return file.split("/").at(-1).replace(/\.json$/, "") || file;
}

// [[axis, [values in the order in which cells have them]], ...]
const axes = (() => {
  const found = new Map();
  for (const cell of cells) {
    for (const [axis, value] of Object.entries(parameters(cell))) {
      if (!found.has(axis)) found.set(axis, new Set());
      found.get(axis).add(value);
    }
  }
  return [...found].map(([axis, of]) => [axis, [...of]]);
})();

// Short, and told apart from every other cell of its report: the values of axes that differ.
function shortName(index) {
  const cell = cells[index];
  const parts = axes.filter(([axis, of]) => of.length > 1 && axis !== kReportAxis)
    .map(([axis]) => cell.parameters[axis]).filter((value) => value !== undefined);
  return parts.length ? parts.join(" · ") : cell.id;
}

// The same, and of which report.
function cellName(index) {
  if (!many) return shortName(index);
  const name = shortName(index);
  const report = reportName(cells[index].report);
  return name ? `${report}: ${name}` : report;
}

const axisName = (axis) => axis.split("/").filter(Boolean).at(-1) ?? axis;

// The share of its time that a flow group (or null: the worst of them) was blocked.
function blockedShare(cell, flow = null) {
  const shares = cell.causes.filter((_, i) => flow === null || cell.flows[i] === flow)
    .map(([share]) => share).filter(known);
  return shares.length ? Math.max(...shares) : null;
}

function mainCause(cell, flow) {
  const of_flow = cell.causes[Math.max(0, cell.flows.indexOf(flow))];
  return of_flow && of_flow.length > 1 ? of_flow[1] : null;
}

function worstCell() {
  let worst = 0;
  cells.forEach((cell, i) => {
    if ((blockedShare(cell) ?? -1) > (blockedShare(cells[worst]) ?? -1)) worst = i;
  });
  return worst;
}

// "regressed", ... of the worst gating row of a cell, where a comparison has it.
const kVerdictOrder = ["regressed", "appeared", "inconclusive", "vanished", "improved", "unchanged"];
const cell_verdicts = (() => {
  const found = new Map();
  overview.comparisons.forEach((comparison, k) => {
    const report = comparison.title === "reports" ? k + 1 : 0;
    for (const row of comparison.rows) {
      if (!row.gating) continue;
      const key = `${report} ${row.cell}`;
      const before = found.get(key);
      if (before && rank(before) <= rank(row)) continue;
      found.set(key, row);
    }
  });
  return found;
})();
function rank(row) {
  return row.worse ? -1 : kVerdictOrder.indexOf(row.verdict);
}
function verdictOf(cell) {
  return cell_verdicts.get(`${cell.report} ${cell.id}`) ?? null;
}
