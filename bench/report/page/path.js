// The way of a byte through one cell: what each station held up, and what it dropped.

function stationBox(station, total, longest) {
  const share = known(station.waited_ns) && total > 0 ? station.waited_ns / total : null;
  const silent = !known(station.waited_ns) && !known(station.dropped) && !station.facts.length;
  const classes = ["station", silent && "silent", share !== null && share === longest && share > 0.001 && "slow", station.dropped > 0 && "drops"];
  return el("li", { class: classes.filter(Boolean).join(" ") },
    el("h3", {}, station.name), el("p", { class: "place" }, station.place),
    share !== null && el("div", { class: "wait" }, el("span", { class: "big" }, percent(share)), el("span", { class: "unit" }, ` ${station.waiting}`),
      svg("svg", { class: "gauge", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("rect", { class: "track", width: 100, height: 6 }), svg("rect", { class: "level", width: 100 * Math.min(1, share), height: 6 }))),
    known(station.dropped) && el("p", { class: "dropped" }, el("b", {}, count(station.dropped)), " dropped"),
    station.facts.length > 0 && el("dl", {}, station.facts.map(([what, how_much]) => [el("dt", {}, what), el("dd", {}, how_much)])),
    station.no_data && el("p", { class: "no-data" }, station.no_data));
}

function drawPath(into) {
  const index = state.cells[0];
  if (index === undefined) return put(into);
  const path = pathData(index);
  const shares = path.stations.map((station) => (known(station.waited_ns) && path.connection_ns > 0 ? station.waited_ns / path.connection_ns : -1));
  put(into, 
    el("p", { class: "answer" }, el("b", {}, cellName(index)), ": ", path.where, path.why && ` ${path.why}`),
    el("ol", { class: "path" }, path.stations.map((station) => stationBox(station, path.connection_ns, Math.max(...shares)))),
    el("p", { class: "hint" }, "Times are of all flow groups, as a share of connections × window; counts are of all good repetitions."));
}
