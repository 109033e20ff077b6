// Every cell in figures, to sort and to filter.

const kFirstTableRows = 100;
const table_choice = { sort: null, down: true, filter: "", all: false };

const kColumns = ["stall.time", "stall.rate", "stall.p50", "stall.p99", "stall.max", "send_latency.p99", "delivery_latency.p99", "goodput"];

function tableRows() {
  const wanted = table_choice.filter.toLowerCase();
  const rows = cells.flatMap((cell, index) => (cell.flows.length ? cell.flows : [""]).map((flow) => ({ cell, index, flow })))
    .filter(({ cell, flow }) => !wanted || `${cell.id} ${flow} ${reportName(cell.report)}`.toLowerCase().includes(wanted));
  if (!table_choice.sort) return rows;
  const key = (row) => values(row.cell, table_choice.sort, row.flow)?.median ?? -Infinity;
  const keyed = rows.map((row) => [key(row), row]);
  keyed.sort((a, b) => (table_choice.down ? b[0] - a[0] : a[0] - b[0]));
  return keyed.map(([, row]) => row);
}

function valueCell(row, metric) {
  const found = values(row.cell, metric.name, row.flow);
  if (!found) return el("td", { class: "number quiet" }, kNothing);
  const same = found.min === found.max;
  return el("td", { class: "number" }, figure(metric, found.median),
    !same && !metric.yes_no && el("span", { class: "range" }, `${figure(metric, found.min)} … ${figure(metric, found.max)}`));
}

function drawTable(into) {
  const columns = kColumns.map((name) => metrics.get(name)).filter((metric) => present_metrics.includes(metric));
  const rows = tableRows();
  const shown = table_choice.all ? rows : rows.slice(0, kFirstTableRows);
  const redraw = (changes) => {
    Object.assign(table_choice, changes);
    drawTable(into);
  };
  const typing = into.contains(document.activeElement) && document.activeElement.type === "search";
  const search = el("input", { type: "search", value: table_choice.filter, on: { input: (event) => redraw({ filter: event.target.value }) } });
  const heading = (metric) => el("th", { scope: "col", "aria-sort": table_choice.sort === metric.name ? (table_choice.down ? "descending" : "ascending") : null },
    button(metricTitle(metric.name), { class: "link", title: metric.meaning }, () =>
      redraw({ sort: metric.name, down: table_choice.sort === metric.name ? !table_choice.down : true })));
  put(into, 
    cells.length > 8 && el("div", { class: "controls" }, el("label", { class: "choice" }, "Filter ", search)),
    el("div", { class: "wide" }, el("table", { class: "figures" }, el("thead", {}, el("tr", {}, many && el("th", { scope: "col" }, "report"), el("th", { scope: "col" }, "cell"), flow_names.length > 1 && el("th", { scope: "col" }, "flow"),
      el("th", { scope: "col" }, "good"), columns.map(heading), el("th", { scope: "col" }, "main cause"))),
    el("tbody", {}, shown.map((row) => el("tr", { class: state.cells.includes(row.index) ? "chosen" : null },
      many && el("td", {}, reportName(row.cell.report)),
      el("th", { scope: "row" }, button(row.cell.id || "the only cell", { class: "link" }, (event) => chooseCell(row.index, event.shiftKey))), flow_names.length > 1 && el("td", {}, row.flow),
      el("td", { class: "number" }, `${row.cell.repetitions[0]}/${row.cell.repetitions[1]}`), columns.map((metric) => valueCell(row, metric)),
      el("td", {}, mainCause(row.cell, row.flow) ?? kNothing)))))),
    rows.length > shown.length && button(`Show all ${rows.length} rows`, { class: "more" }, () => redraw({ all: true })),
    el("p", { class: "hint" }, "Medians over the good repetitions; below them the smallest and the largest. –: not measured, or not in every good repetition (a percentile needs ten events beyond it)."));
  if (typing) {
    const again = into.querySelector("input[type=search]");
    again.focus();
    again.setSelectionRange(again.value.length, again.value.length);
  }
}

// A file made here and now: nothing is fetched.
function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function downloadAll() {
  const all = { ...overview, cells: cells.map((cell, index) => ({ ...cell, data: cellData(index), path: pathData(index) })) };
  download("netstall-page.json", "application/json", JSON.stringify(all));
}
