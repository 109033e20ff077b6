// The page of one report: shows what the report says, and nothing else happens.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { close, file, kSmall, makePage, open, report } from "./browser.mjs";

after(close);
const small = makePage("small.html", report("small.json", kSmall));
const source = JSON.parse(readFileSync(file("small.json"), "utf8"));

const duration = (text) => {
  const [, number, unit] = /^([\d.]+) (ns|µs|ms|s|min)$/.exec(text) ?? assert.fail(`no duration: ${text}`);
  return Number(number) * { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9, min: 6e10 }[unit];
};
const near = (actual, expected, share, what) =>
  assert.ok(Math.abs(actual - expected) <= share * expected, `${what}: ${actual}, not ${expected}`);

test("nothing is asked of the network, and nothing is complained about", async () => {
  const { page, context, seen } = await open(small);
  for (const tile of await page.locator(".tile").all()) await tile.click();
  await page.locator("select").first().selectOption("stall.p99");
  await page.setViewportSize({ width: 700, height: 900 });
  await page.waitForTimeout(300);
  assert.deepEqual(seen, { requests: [], complaints: [] });
  await context.close();
});

test("it leads with the answer, without scripts too", async () => {
  const { page, context } = await open(small);
  const lead = await page.locator("#lead").innerText();
  assert.match(lead, /case=much/);
  assert.match(lead, /sndbuf_full|mem_shortage/);
  const bare = await open(small, { javaScriptEnabled: false });
  assert.equal(await bare.page.locator("#lead").innerText(), lead);
  await bare.context.close();
  await context.close();
});

test("a heat map's colours follow the values", async () => {
  const { page, context } = await open(small);
  const heat = await page.locator(".tile").evaluateAll((tiles) =>
    tiles.map((tile) => [tile.dataset.cell, parseFloat(tile.style.getPropertyValue("--heat"))]));
  const by_cell = Object.fromEntries(heat);
  assert.ok(by_cell[0] < by_cell[1] && by_cell[1] < by_cell[2], JSON.stringify(by_cell));
  const painted = await page.locator(".tile").evaluateAll((tiles) => tiles.map((tile) => getComputedStyle(tile).backgroundColor));
  assert.equal(new Set(painted).size, 3);
  await context.close();
});

test("percentiles are those of the report, and drawn", async () => {
  const { page, context } = await open(small, { fragment: "#cells=2&flow=stream&metric=stall.time&curve=stall" });
  const figures = await page.locator("#distribution .readout tbody tr").first().locator("td").allInnerTexts();
  const repetitions = source.cells[2].repetitions.map((one) => one.flows[0].stalls.total.duration_ns);
  assert.equal(Number(figures[1]), repetitions.reduce((sum, hist) => sum + hist.count, 0));
  near(duration(figures[2]), repetitions[0].p50, 0.1, "median");
  assert.equal(figures[5] === "–", Number(figures[1]) / 1000 < 10, `p99.9 of ${figures[1]}: ${figures[5]}`);
  near(duration(figures.at(-1)), Math.max(...repetitions.map((hist) => hist.max)), 0.01, "max");
  const lines = await page.locator("#distribution .ink path").evaluateAll((paths) => paths.map((path) => {
    const box = path.getBoundingClientRect();
    const plot = path.closest("svg").getBoundingClientRect();
    return { long: path.getTotalLength(), inside: box.left >= plot.left && box.right <= plot.right + 1 && box.top >= plot.top && box.bottom <= plot.bottom, stroke: getComputedStyle(path).stroke };
  }));
  assert.equal(lines.length, 4);
  for (const line of lines.filter(({ long }) => long > 0)) assert.ok(line.inside && line.stroke !== "none", JSON.stringify(line));
  assert.ok(lines[0].long > 100 && lines[2].long > 100, JSON.stringify(lines));
  await context.close();
});

test("a cell without stalls has no curve of stalls, and says so", async () => {
  const { page, context } = await open(small, { fragment: "#cells=0&flow=stream&curve=stall" });
  const options = await page.locator("#distribution select option").allInnerTexts();
  assert.ok(options.every((text) => !text.includes("stalls")), options.join());
  assert.match(await page.locator("#way .answer").innerText(), /No byte waited/);
  assert.match(await page.locator("#causes").innerText(), /0 %/);
  await context.close();
});

test("series, causes and path have ink where there are figures", async () => {
  const { page, context } = await open(small, { fragment: "#cells=2&flow=stream" });
  const series = page.locator("#time svg.plot");
  assert.equal(await series.count(), 3);
  for (const plot of await series.all()) {
    assert.ok(await plot.locator("path.line").evaluate((path) => path.getTotalLength()) > 100);
  }
  // 3500 pages of 4000 at most, above the pressure line of 2000 for some points.
  assert.ok(await page.locator("#time rect.pressure").count() > 0);
  assert.match(await page.locator("#time").innerText(), /tcp_mem pressure|Peak: 15\.6 MiB/);
  const bars = await page.locator("#causes tr").evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll("rect.part")].map((part) => part.getBoundingClientRect().width)));
  assert.deepEqual(bars.map((parts) => parts.length), [0, 2, 2]);
  assert.ok(bars[2].every((width) => width > 5));
  const stations = page.locator("#way .station");
  assert.equal(await stations.count(), 8);
  assert.match(await stations.nth(1).innerText(), /send buffer[\s\S]*of the time waited here/);
  assert.match(await stations.nth(2).innerText(), /qdisc[\s\S]*0 dropped/);
  assert.match(await stations.nth(3).innerText(), /did not read/);
  assert.match(await stations.nth(6).innerText(), /25 dropped[\s\S]*window closed\s*60/);
  await context.close();
});

test("the longest stalls have their sockets, and probes say what they found", async () => {
  const { page, context } = await open(small, { fragment: "#cells=2&flow=stream" });
  const rows = page.locator("#worst table.worst tbody tr");
  assert.ok(await rows.count() > 0 && await rows.count() <= 10);
  assert.match(await rows.first().innerText(), /10\.78\.0\.1:5001[\s\S]*sndbuf_full \(peer_window\)[\s\S]*sk_stream_wait_memory/);
  assert.match(await page.locator("#worst dl.findings").innerText(), /drops[\s\S]*PROTO_MEM/);
  await context.close();
});

test("drilling down, pinning, and a link to what is shown", async () => {
  const { page, context } = await open(small);
  await page.locator(".tile[data-cell='1']").click();
  assert.match(await page.locator("#way .answer").innerText(), /^some:/);
  await page.locator(".tile[data-cell='2']").click({ modifiers: ["Shift"] });
  assert.equal(await page.locator("#distribution .readout tbody tr").count(), 2);
  assert.match(page.url(), /cells=1%2C2/);
  await page.reload();
  await page.waitForSelector("html[data-ready=yes]");
  assert.equal(await page.locator(".tile[aria-pressed=true]").count(), 2);
  await context.close();
});

test("the keyboard reaches everything", async () => {
  const { page, context } = await open(small, { fragment: "#cells=0&flow=stream" });
  await page.locator(".tile[data-cell='0']").focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.cell), "1");
  await page.keyboard.press("Enter");
  assert.match(await page.locator("#way .answer").innerText(), /^some:/);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.cell), "1");
  const plot = page.locator("#time svg.plot").first();
  await plot.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  assert.match(await page.locator("#time .cursor-readout").innerText(), /^At /);
  assert.equal(await page.locator("#time .cursor[visibility=visible]").count(), 3);
  const silent = await page.locator("button, select, input, a[href], summary").evaluateAll((all) =>
    all.filter((one) => !(one.textContent || one.labels?.[0]?.textContent || one.getAttribute("aria-label"))).length);
  assert.equal(silent, 0);
  await context.close();
});

test("dark and light are both readable, and the choice stays", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const { page, context } = await open(small, { colorScheme });
    const contrast = await page.evaluate(() => {
      const paint = document.createElement("canvas").getContext("2d");
      const luminance = (color) => {
        paint.fillStyle = color;
        paint.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const background = luminance(getComputedStyle(document.body).backgroundColor);
      const found = [...document.querySelectorAll("#lead, .hint, .station dt, .chips span, .points li")].map((one) => ratio(luminance(getComputedStyle(one).color), background));
      for (const tile of document.querySelectorAll(".tile:not(.empty)")) {
        const style = getComputedStyle(tile);
        found.push(ratio(luminance(style.color), luminance(style.backgroundColor)));
      }
      return Math.min(...found);
    });
    assert.ok(contrast >= 4.5, `${colorScheme}: ${contrast}`);
    await context.close();
  }
  const { page, context } = await open(small, { colorScheme: "light" });
  const before = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.locator("button.theme").click();
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.notEqual(before, dark);
  await page.reload();
  await page.waitForSelector("html[data-ready=yes]");
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), dark);
  await context.close();
});

test("hostile text is text", async () => {
  const path = makePage("hostile.html", report("hostile.json", `${kSmall}
evil = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked=2">\\u202e\\u2028'
report["scenario"]["name"] = report["scenario"]["why"] = evil
for one in cells:
    one["id"] += evil
    one["parameters"] = {evil: one["parameters"]["case"] + evil}
    one["repetitions"][0].update(status="failed", reason=evil)
    for repetition in one["repetitions"]:
        repetition["flows"][0]["name"] = evil
        repetition["kernel"]["client"]["counters"][evil] = 3
        repetition["memory_limit"] = {"server": evil}
        repetition["probes"]["missing"] = {evil: evil}
report["environment"]["kernel"]["release"] = evil
`));
  const { page, context, seen } = await open(path);
  for (const tile of await page.locator(".tile").all()) await tile.click();
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("img").count(), 0);
  assert.match(await page.locator("h1").innerText(), /<script>window\.hacked/);
  assert.deepEqual(seen, { requests: [], complaints: [] });
  // The policy holds even against a script that would have got in.
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.hacked = 3";
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await context.close();
});

test("what was not measured is said, not drawn as 0", async () => {
  const path = makePage("missing.html", report("missing.json", `${kSmall}
for repetition in cells[1]["repetitions"]:
    repetition["stalls"] = None
    repetition["flows"][0]["stalls"] = None
    repetition["series"] = {key: [] for key in repetition["series"]}
for repetition in cells[0]["repetitions"]:
    repetition.update(status="failed", reason="no port left", flows=[], stalls=None)
`));
  const { page, context, seen } = await open(path, { fragment: "#cells=1" });
  assert.equal(await page.locator(".tile.empty").count(), 2);
  assert.match(await page.locator("#causes").innerText(), /not measured/);
  assert.match(await page.locator("#time").innerText(), /No repetition of this cell/);
  assert.match(await page.locator(".points").innerText(), /5 of 15 repetitions left out: failed: no port left/);
  assert.deepEqual(seen.complaints, []);
  await context.close();
});

test("it fits on paper", async () => {
  const { page, context } = await open(small, { viewport: { width: 720, height: 1000 } });
  await page.emulateMedia({ media: "print" });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${wide} px too wide`);
  const pdf = await page.pdf({ format: "A4" });
  const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g).length;
  assert.ok(pages >= 2 && pages <= 12, `${pages} pages`);
  await context.close();
});

test("the data can be saved", async () => {
  const { page, context } = await open(small, { acceptDownloads: true });
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "JSON", exact: true }).click()]);
  const saved = JSON.parse(readFileSync(await download.path(), "utf8"));
  assert.equal(saved.cells.length, 3);
  assert.equal(saved.cells[2].data.flows[0].curves.stall.n > 0, true);
  await context.close();
});

test("the scenario and the command that make it again are there", async () => {
  const { page, context } = await open(small, { acceptDownloads: true });
  assert.match(await page.locator("#origin pre code").innerText(), /^netstall run small\.json --seed \d+ -o small-again\.json$/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "save small.json" }).click()]);
  assert.deepEqual(JSON.parse(readFileSync(await download.path(), "utf8")), source.scenario);
  await context.close();
});

test("the table sorts, both ways", async () => {
  const { page, context } = await open(small);
  const heading = page.locator("#figures th button", { hasText: "longest stall" });
  const order = () => page.locator("#figures tbody th").allInnerTexts();
  await heading.click();
  assert.deepEqual(await order(), ["case=much", "case=some", "case=none"]);
  await heading.click();
  assert.deepEqual(await order(), ["case=none", "case=some", "case=much"]);
  assert.equal(await page.locator("#figures th[aria-sort=ascending]").count(), 1);
  await context.close();
});

// What an image viewer shows of a drawing: how many colours, and how much of it is not paper.
async function ink(page, text) {
  return page.evaluate(async (source) => {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
    const paint = canvas.getContext("2d");
    paint.drawImage(image, 0, 0);
    const { data } = paint.getImageData(0, 0, canvas.width, canvas.height);
    const colors = new Map();
    for (let i = 0; i < data.length; i += 4) {
      const key = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
      colors.set(key, (colors.get(key) ?? 0) + 1);
    }
    return { colors: colors.size, share: 1 - (4 * Math.max(...colors.values())) / data.length };
  }, text);
}

async function assertStandsAlone(page, name, text) {
  assert.match(text, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/, name);
  assert.doesNotMatch(text, /class=|var\(|light-dark|oklab|color-mix|href=|url\((?!(&quot;|")?#)|NaN/, name);
  const { colors, share } = await ink(page, text);
  assert.ok(colors > 20 && share > 0.003, `${name}: ${colors} colours, ${share} of it ink`);
}

test("each plot can be saved as a drawing that stands alone", async () => {
  const { page, context, seen } = await open(small, { acceptDownloads: true, fragment: "#cells=2,1&flow=stream" });
  const blank = await context.newPage();
  const names = [];
  for (const save of await page.locator("button.save").all()) {
    const [download] = await Promise.all([page.waitForEvent("download"), save.click()]);
    names.push(download.suggestedFilename());
    await assertStandsAlone(blank, names.at(-1), readFileSync(await download.path(), "utf8"));
  }
  assert.deepEqual(names, ["sweep.svg", "path.svg", "distributions.svg", "causes.svg", "series.svg", "ratios.svg"]);
  // The page is as it was.
  assert.ok(await page.locator("#distribution .controls").isVisible());
  assert.deepEqual(seen, { requests: [], complaints: [] });
  await context.close();
});

test("netstall writes the same plots without anybody looking", async () => {
  const folder = file("plots");
  execFileSync(process.env.NETSTALL, ["report", file("small.json"), "--plots", folder], { stdio: "inherit" });
  assert.deepEqual(readdirSync(folder).sort(), ["causes.svg", "distributions.svg", "path.svg", "ratios.svg", "series.svg", "sweep.svg"]);
  const { page, context } = await open(small);
  const blank = await context.newPage();
  for (const name of readdirSync(folder)) await assertStandsAlone(blank, name, readFileSync(join(folder, name), "utf8"));
  const words = readFileSync(join(folder, "sweep.svg"), "utf8").match(/>[^<]+(?=<\/text>)/g).join(" ");
  for (const tile of await page.locator(".tile .value").allInnerTexts()) assert.ok(words.includes(tile), `${tile} in ${words}`);
  await context.close();
});

test("without a browser plots are refused with what to do", () => {
  let failed = null;
  try {
    execFileSync(process.env.NETSTALL, ["report", file("small.json"), "--plots", file("none")], { env: { PATH: "/nowhere" }, stdio: "pipe" });
  } catch (error) {
    failed = error;
  }
  assert.equal(failed?.status, 4);
  assert.match(String(failed.stderr), /no Chromium in PATH[\s\S]*button that saves it/);
});
