// Compares netstall's histograms with hdr-histogram-js, both ways: it reads what
// we encode, and we read what it encodes; counts of every slot, bounds, mean and
// percentiles must be the same. Usage: node compare.js HDR_TOOL
"use strict";
const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const hdr = require("hdr-histogram-js");

const tool = process.argv[2];
const highest = 3_600_000_000_000;
const percents = [0.1, 1, 25, 50, 90, 99, 99.9, 99.99, 100];

// A generator with a fixed seed (mulberry32): a failure must come back.
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function ofAllMagnitudes(events, seed) {
  const random = generator(seed);
  return Array.from({ length: events }, () => [
    Math.floor(Math.exp(random() * Math.log(highest))),
    1 + Math.floor(random() * random() * 100),
  ]);
}

const cases = {
  empty: [],
  zero: [[0, 1]],
  one: [[1, 1]],
  "edges of slots": [2047, 2048, 2049, 4095, 4096, 4099, 2 ** 41 - 1, 2 ** 41].map((v) => [v, 1]),
  "highest value": [[highest, 3]],
  "large counts": [[1, 2 ** 31], [2, 2 ** 40], [1_000_000, 2 ** 51]],
  "bimodal": [[1000, 10_000], [100_000_000, 1]],
  "every small value": Array.from({ length: 5000 }, (_, i) => [i, (i % 3) + 1]),
  "few of all magnitudes": ofAllMagnitudes(50, 1),
  "many of all magnitudes": ofAllMagnitudes(20_000, 2),
};

function build(events) {
  const histogram = hdr.build({
    useWebAssembly: false,
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: highest,
    numberOfSignificantValueDigits: 3,
  });
  for (const [value, count] of events) histogram.recordValueWithCount(value, count);
  return histogram;
}

// The facts of a histogram, in the words of hdr_tool.
function factsOf(histogram) {
  const facts = { count: histogram.totalCount, slots: {} };
  if (facts.count === 0) return facts;
  const length = histogram.countsArrayLength;
  for (let i = 0; i < length; i++) {
    if (histogram.getCountAtIndex(i) !== 0) facts.slots[i] = histogram.getCountAtIndex(i);
  }
  facts.min = histogram.getValueAtPercentile(0);
  facts.mean = histogram.mean;
  for (const percent of percents) facts[`p${percent}`] = histogram.getValueAtPercentile(percent);
  return facts;
}

function run(mode, input) {
  return execFileSync(tool, [mode], { input, encoding: "utf8", maxBuffer: 1 << 26 });
}

function factsByTool(text) {
  const facts = { slots: {} };
  for (const line of run("decode", text).trim().split("\n")) {
    const [name, ...values] = line.split(" ");
    if (name === "slot") facts.slots[values[0]] = Number(values[1]);
    else facts[name] = Number(values[0]);
  }
  return facts;
}

// The slot of the highest trackable value reaches beyond it. There the other
// implementation tells the slot's end, we the highest trackable value; and it
// takes the middle of slots even where that is beyond.
function expectSame(ours, theirs, name) {
  const capped = { ...theirs };
  for (const key of Object.keys(capped)) {
    if (/^p[0-9]/.test(key)) capped[key] = Math.min(capped[key], highest);
  }
  if (theirs.mean !== undefined) {
    const mean = Math.min(theirs.mean, highest);
    assert.ok(Math.abs(ours.mean - mean) <= mean * 1e-12, `${name}: mean ${ours.mean}, not ${mean}`);
    capped.mean = ours.mean;
    capped.max = capped.p100;
  }
  assert.deepStrictEqual(ours, capped, name);
}

for (const [name, events] of Object.entries(cases)) {
  const theirs = build(events);
  const oursEncoded = run("encode", events.map((event) => event.join(" ")).join("\n")).trim();

  const oursReadByThem = hdr.decodeFromCompressedBase64(oursEncoded, 64);
  assert.deepStrictEqual(factsOf(oursReadByThem), factsOf(theirs), `${name}: ours, read by them`);
  expectSame(factsByTool(oursEncoded), factsOf(theirs), `${name}: ours, read by us`);
  expectSame(factsByTool(hdr.encodeIntoCompressedBase64(theirs)), factsOf(theirs),
             `${name}: theirs, read by us`);
  console.log(`ok: ${name}: ${events.length} values, ${Object.keys(factsOf(theirs).slots).length} slots`);
}
