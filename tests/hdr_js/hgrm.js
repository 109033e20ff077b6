// Compares what `netstall export --format hgrm` writes with hdr-histogram-js: it
// decodes the histograms of the report itself, merges the good repetitions and
// prints its own percentile table. Usage: node hgrm.js NETSTALL REPORT
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const { execFileSync } = require("node:child_process");
const hdr = require("hdr-histogram-js");

const [netstall, path] = process.argv.slice(2);
const report = JSON.parse(fs.readFileSync(path, "utf8"));

const histograms = {
  stall: (flow) => flow.stalls?.total.duration_ns,
  wait: (flow) => flow.stalls?.total.wait_ns,
  own_clock: (flow) => flow.own_clock?.total.duration_ns,
  send_call: (flow) => flow.send_call_ns,
  send_latency: (flow) => flow.send_latency_ns,
  acked_latency: (flow) => flow.acked_latency_ns,
  kernel_acked_latency: (flow) => flow.kernel_acked_latency_ns,
  delivery_latency: (flow) => flow.delivery_latency_ns,
  connect: (flow) => flow.connect_ns,
};

// Title of a section → its lines; plotters skip what begins with '#'.
function sectionsOf(text) {
  const sections = new Map();
  let lines = null;
  for (const line of text.split("\n")) {
    const title = /^#\[(.*, cell .*?)(: no event|, ns)\]$/.exec(line);
    if (title) {
      lines = [];
      sections.set(title[1], lines);
    } else if (line.trim() !== "") {
      lines.push(line);
    }
  }
  return sections;
}

const numbers = (line) => line.match(/[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?/g).map(Number);

// Theirs ends a slot at its highest value, ours never beyond the largest event.
function expectSameTable(ours, theirs, max, name) {
  assert.strictEqual(ours.length, theirs.length, `${name}: rows`);
  assert.deepStrictEqual(ours[0].trim().split(/\s+/), theirs[0].trim().split(/\s+/), name);
  for (let i = 1; i < ours.length; i++) {
    const expected = numbers(theirs[i]);
    if (theirs[i].startsWith("#[Max")) expected[0] = Math.min(expected[0], max);
    if (!theirs[i].startsWith("#")) expected[0] = Math.min(expected[0], max);
    const found = numbers(ours[i]);
    assert.strictEqual(found.length, expected.length, `${name}: ${ours[i]} / ${theirs[i]}`);
    found.forEach((value, at) => {
      // Of a slot at an edge theirs takes the middle for mean and deviation, ours what
      // lies within the smallest and largest event: half a slot's width apart at most.
      const slack = theirs[i].startsWith("#[Mean") ? max / 2048 : Math.abs(expected[at]) * 1e-9;
      const bound = 1e-3 + slack;
      assert.ok(Math.abs(value - expected[at]) <= bound, `${name}: ${ours[i]} / ${theirs[i]}`);
    });
  }
}

const sections = sectionsOf(
  execFileSync(netstall, ["export", path, "--format", "hgrm"], { encoding: "utf8", maxBuffer: 1 << 28 })
);
let compared = 0;
for (const cell of report.cells) {
  const good = cell.repetitions.filter((repetition) => repetition.status === "ok");
  for (const flow of good[0]?.flows ?? []) {
    for (const [name, of] of Object.entries(histograms)) {
      const parts = good.map((repetition) => of(repetition.flows.find((f) => f.name === flow.name)));
      const title = `${report.scenario.name}, cell ${cell.id}, flow ${flow.name}, ${name}`;
      const ours = sections.get(title);
      sections.delete(title);
      if (parts.some((part) => part == null)) {
        assert.strictEqual(ours, undefined, `${title}: not measured in every repetition`);
        continue;
      }
      const whole = hdr.decodeFromCompressedBase64(parts[0].hdr, 64);
      for (const part of parts.slice(1)) whole.add(hdr.decodeFromCompressedBase64(part.hdr, 64));
      if (whole.totalCount === 0) {
        assert.deepStrictEqual(ours, [], title);
        continue;
      }
      const theirs = whole.outputPercentileDistribution().split("\n").filter((line) => line.trim());
      expectSameTable(ours, theirs, Math.max(...parts.map((part) => part.max ?? 0)), title);
      console.log(`ok: ${title}: ${ours.length} lines`);
      compared++;
    }
  }
}
assert.deepStrictEqual([...sections.keys()], [], "sections of nothing");
assert.ok(compared > 0, "nothing was compared");
