// The page of a run that goes on: an open one follows, without a server.
import assert from "node:assert/strict";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { close, file, kSmall, makePage, open, report } from "./browser.mjs";

after(close);
const finished = readFileSync(makePage("done.html", report("done.json", kSmall)), "utf8");

// The page as `netstall run --page` writes it after so many repetitions.
function write(name, live, written_at = new Date().toISOString()) {
  const text = finished.replace(/"written_at":"[^"]*","live":null/, `"written_at":"${written_at}","live":${JSON.stringify(live)}`);
  assert.ok(live === null || text.includes('"live":{'));
  writeFileSync(file(`${name}.new`), text);
  renameSync(file(`${name}.new`), file(name));
  return file(name);
}

test("it says how far the run is, and follows until the run is done", async () => {
  const live = { done: 3, total: 15, seconds_left: 12, seconds_each: 1 };
  const { page, context, seen } = await open(write("live.html", live), { fragment: "#cells=1" });
  assert.match(await page.locator(".live").innerText(), /3 of 15 repetitions/);
  write("live.html", { ...live, done: 4 });
  await page.getByText("4 of 15 repetitions").waitFor({ timeout: 30000 });
  // What was chosen is still chosen.
  assert.match(await page.locator("#way .answer").innerText(), /^some:/);
  write("live.html", null);
  await page.locator(".live").waitFor({ state: "detached", timeout: 30000 });
  assert.deepEqual(seen, { requests: [], complaints: [] });
  await context.close();
});

test("a run that was killed is not waited for in silence", async () => {
  const long_ago = new Date(Date.now() - 3600e3).toISOString();
  const { page, context } = await open(write("killed.html", { done: 3, total: 15, seconds_left: 12, seconds_each: 1 }, long_ago));
  assert.match(await page.locator(".live.late").innerText(), /No news since/);
  await context.close();
});

test("a finished page does not load itself again", async () => {
  const { page, context } = await open(file("done.html"));
  let loads = 0;
  page.on("load", () => { loads += 1; });
  await page.waitForTimeout(2500);
  assert.equal(loads, 0);
  await context.close();
});
