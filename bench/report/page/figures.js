// Figures as people read them: three digits and a unit. A value that was not
// measured is "–", never 0.

const kNothing = "–";

function digits(value, unit) {
  const size = Math.abs(value);
  const places = size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2;
  const text = value.toFixed(places);
  return unit ? `${text} ${unit}` : text;
}

// The value in the largest unit of [[factor, unit], ...] (largest first) that it reaches.
function scaled(value, units) {
  const [factor, unit] = units.find(([least]) => Math.abs(value) >= least * 0.9995) ?? units.at(-1);
  return digits(value / factor, unit);
}

const kTimes = [[6e10, "min"], [1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
const kSizes = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const kRates = kSizes.map(([factor, unit]) => [factor, `${unit}/s`]);
const kCounts = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"], [1, ""]];

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

function duration(ns) {
  if (!known(ns)) return kNothing;
  return ns === 0 ? "0" : scaled(ns, kTimes);
}

// For an axis: without digits that say nothing.
const tick = (name) => (value) => name(value).replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");

function count(value) {
  if (!known(value)) return kNothing;
  if (Number.isInteger(value) && Math.abs(value) < 10000) return String(value);
  if (Math.abs(value) < 10000) return digits(value);
  const [factor, unit] = kCounts.find(([least]) => Math.abs(value) >= least * 0.9995);
  return digits(value / factor) + unit;
}

function percent(share) {
  if (!known(share)) return kNothing;
  const value = 100 * share;
  if (value === 0) return "0 %";
  if (value < 0.1) return "<0.1 %";
  return `${value >= 99.95 ? 100 : value.toFixed(value < 10 ? 1 : 0)} %`;
}

// stall.time and its like are ns per second and connection: a share of the time.
const isShare = (metric) =>
  /^(stall|own_clock)(\.[a-z_]+)?\.time$/.test(metric.name) && metric.unit === "ns";

function figure(metric, value) {
  if (!known(value)) return kNothing;
  if (isShare(metric)) return percent(value / 1e9);
  if (metric.yes_no) return value ? "yes" : "no";
  switch (metric.unit) {
    case "ns": return duration(value);
    case "bytes": return scaled(value, kSizes);
    case "bytes_per_s": return scaled(value, kRates);
    case "per_s": return `${count(value)}/s`;
    default: return count(value);
  }
}

const kMetricTitles = new Map([
  ["stall.time", "time blocked"], ["stall.p50", "stall, median"], ["stall.p99", "stall, p99"],
  ["stall.max", "longest stall"], ["stall.rate", "stalls per connection"],
  ["stall.occurrence", "stalls occurred"], ["own_clock.time", "time blocked, own clock"],
  ["send_latency.p50", "send latency, median"], ["send_latency.p99", "send latency, p99"],
  ["delivery_latency.p50", "delivery, median"], ["delivery_latency.p99", "delivery, p99"],
  ["goodput", "goodput"], ["pressure.time", "memory pressure"], ["tcp_mem.peak", "TCP memory, peak pages"],
  ["blocked_senders.peak", "blocked senders, peak"],
]);
function metricTitle(name) {
  const known_title = kMetricTitles.get(name);
  if (known_title) return known_title;
  const of_cause = /^stall\.([a-z_]+)\.time$/.exec(name);
  return of_cause ? `blocked: ${of_cause[1]}` : name.replaceAll("_", " ");
}

function when(text) {
  return text ? text.replace("T", " ").replace(/\.\d+Z$/, " UTC") : kNothing;
}
