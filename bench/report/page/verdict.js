// The answer, and what it rests on.

const kToneGlyphs = { good: "✓", bad: "✗", warn: "!", note: "›" };

function findingList(findings) {
  return el("ul", { class: "points" }, findings.points.map(([tone, text]) =>
    el("li", { class: tone }, el("b", { "aria-hidden": "true" }, kToneGlyphs[tone]), " ", text)));
}

function drawVerdict(into) {
  const repetitions = cells.reduce((sum, cell) => sum + cell.repetitions[1], 0);
  const good = cells.reduce((sum, cell) => sum + cell.repetitions[0], 0);
  const first = overview.reports[0];
  const facts = [`${cells.length} ${cells.length === 1 ? "cell" : "cells"}`, good === repetitions ? `${repetitions} repetitions` : `${good} of ${repetitions} repetitions good`,
    `Linux ${first?.environment["kernel.release"] ?? "?"}`, first?.environment["cpu.model"], when(first?.started_at)].filter(Boolean);
  put(into, 
    el("div", { class: `verdict ${overview.tone}` }, el("span", { class: "stamp", "aria-hidden": "true" }, kToneGlyphs[overview.tone]),
      el("p", { id: "lead" }, overview.lead || "There is nothing in this report.")),
    many ? overview.findings.map((findings, k) => el("div", { class: "of-report" }, el("h3", {}, reportName(k)), el("p", { class: findings.tone }, findings.lead), findingList(findings)))
      : findingList(overview.findings[0] ?? { points: [] }),
    el("p", { class: "chips" }, facts.map((text) => el("span", {}, text))));
}
