// Scales map values to 0..1 and know where their ticks stand.

// `binary`: steps of 1, 2, 4 … 512 KiB and the like, for sizes.
function linearScale(low, high, binary = false) {
  if (!(high > low)) high = low + 1;
  const step = binary ? binaryStep((high - low) / 4) : niceStep((high - low) / 5);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high * (1 + 1e-9); at += step) {
    ticks.push(Math.abs(at) < step / 1e6 ? 0 : at);
  }
  return { at: (value) => (value - low) / (high - low), ticks, minor: [] };
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((times) => times * power >= rough * 0.999);
}

function binaryStep(rough) {
  return 2 ** Math.max(0, Math.round(Math.log2(rough)));
}

// A whole decade at least, so that one value alone has a place.
function logScale(low, high) {
  const from = Math.floor(Math.log10(Math.max(low, 1e-12)) + 1e-9);
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(high, 1e-12)) - 1e-9));
  const ticks = [];
  const minor = [];
  const every = Math.ceil((to - from) / 7);
  for (let power = from; power <= to; power++) {
    if ((power - from) % every === 0) ticks.push(10 ** power);
    for (let times = 2; times < 10 && power < to && to - from <= 7; times++) minor.push(times * 10 ** power);
  }
  return { at: (value) => (Math.log10(Math.max(value, 10 ** from)) - from) / (to - from), ticks, minor };
}

// Percentiles on an axis of 1 - p: each decade nearer to 100 % has the same width.
// Values are shares of events that are larger: 0.01 is p99.
function tailScale(smallest) {
  const decades = Math.max(1, Math.ceil(-Math.log10(Math.max(smallest, 1e-9)) - 1e-9));
  const ticks = [1, 0.5];
  for (let power = 1; power <= decades; power++) ticks.push(10 ** -power);
  return { at: (above) => -Math.log10(Math.max(above, 10 ** -decades)) / decades, ticks, minor: [] };
}

function percentileName(above) {
  if (above >= 1) return "p0";
  const places = Math.max(0, Math.ceil(-Math.log10(above) - 2 - 1e-9));
  return `p${(100 * (1 - above)).toFixed(places).replace(/\.0+$/, "")}`;
}
