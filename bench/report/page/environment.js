// Whose figures these are, how to make them again, and in what the machines differ.

function differences() {
  return overview.differences.flatMap((rows, k) => rows.length === 0 ? [el("p", { class: "same" }, `${reportName(k + 1)} is of the same machine, kernel, sysctls and scenario as ${reportName(0)}.`)] : [
    el("div", { class: "wide" }, el("table", { class: "differences" }, el("caption", {}, `${rows.length} ${rows.length === 1 ? "fact differs" : "facts differ"}`),
      el("thead", {}, el("tr", {}, ["fact", reportName(0), reportName(k + 1)].map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, el("th", { scope: "row" }, row[0]), el("td", {}, row[1]), el("td", {}, row[2]))))))]);
}

const kFacts = [
  ["kernel.release", "kernel"], ["cpu.model", "CPU"], ["cpu.count", "CPUs"], ["cpu.governor", "governor"], ["virtualised", "virtual machine"],
  ["clock.source", "clock"], ["memory.total_bytes", "memory"], ["sysctl.host.net.ipv4.tcp_mem", "tcp_mem"], ["sysctl.host.net.ipv4.tcp_wmem", "tcp_wmem"],
  ["sysctl.host.net.ipv4.tcp_rmem", "tcp_rmem"], ["sysctl.host.net.ipv4.tcp_congestion_control", "congestion control"],
];

function shellWord(text) {
  return /^[\w./:=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function reproduce(report) {
  const name = `${(report.name || "scenario").replace(/[^\w-]+/g, "-")}.json`;
  const command = `netstall run ${shellWord(name)} --seed ${report.seed} -o ${shellWord(name.replace(".json", "-again.json"))}`;
  return el("div", { class: "reproduce" }, el("h4", {}, "Make it again"),
    el("p", {}, "Save the scenario as it was resolved, ", report.scenario && button(`save ${name}`, {}, () => download(name, "application/json", `${JSON.stringify(report.scenario, null, 2)}\n`)), ", then, as root:"),
    el("pre", { tabindex: 0 }, el("code", {}, command)),
    el("details", {}, el("summary", {}, "The scenario"), el("pre", { tabindex: 0 }, JSON.stringify(report.scenario, null, 2))));
}

function drawEnvironment(into) {
  put(into, ...overview.reports.map((report) => {
    const environment = report.environment;
    const facts = kFacts.filter(([key]) => environment[key] !== undefined)
      .map(([key, title]) => [title, key === "memory.total_bytes" ? scaled(Number(environment[key]), kSizes) : environment[key]]);
    return el("article", { class: "report" }, el("h3", {}, report.name || report.file), report.why && el("p", { class: "why" }, report.why),
      el("dl", { class: "facts" }, [["file", report.file], ["made", when(report.started_at)], ["netstall", `${report.tool.version} (${report.tool.revision})`],
        ["scenario hash", report.scenario_hash], ...facts].map(([what, value]) => [el("dt", {}, what), el("dd", {}, value)])),
      reproduce(report),
      el("details", {}, el("summary", {}, `All ${Object.keys(environment).length} facts of the machine`),
        el("dl", { class: "facts all" }, Object.entries(environment).map(([what, value]) => [el("dt", {}, what), el("dd", {}, value)]))));
  }));
}
