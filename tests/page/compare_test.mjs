// The page of two reports, and of many: a verdict where there can be one.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, kSmall, makePage, open, report } from "./browser.mjs";

after(close);

// Ten repetitions, so that a change can be decided; `worse` moves one cell.
const sitting = (name, worse, seed) => report(name, `
pool = make.Pool(${seed}, 12)
cells = []
for at, (name, level) in enumerate([("calm", 1_000_000), ("busy", ${worse ? 40_000_000 : 20_000_000})]):
    one = make.cell(pool, at, 2, 10, level=level)
    one["id"], one["parameters"] = f"case={name}", {"case": name}
    cells.append(one)
report = {**make.head("pair"), "cells": cells}
`);
const before = sitting("before.json", false, 1);
const after_it = sitting("after.json", true, 2);

test("two reports: the verdict leads, and its row is the first", async () => {
  const { page, context, seen } = await open(makePage("pair.html", before, after_it));
  assert.match(await page.locator("#lead").innerText(), /after\.json is worse than .*before\.json: \d+ regressed/);
  assert.equal(await page.locator(".verdict.bad").count(), 1);
  const first = page.locator("#ratios tbody tr").first();
  assert.match(await first.innerText(), /worse[\s\S]*busy/);
  const marks = await first.locator("svg").evaluate((drawing) => {
    const centre = (selector) => {
      const box = drawing.querySelector(selector).getBoundingClientRect();
      return box.x + box.width / 2;
    };
    const whisker = drawing.querySelector(".whisker").getBoundingClientRect();
    return { dot: centre(".dot"), one: centre(".one"), low: whisker.left, high: whisker.right };
  });
  assert.ok(marks.dot > marks.one, JSON.stringify(marks));
  assert.ok(marks.low <= marks.dot && marks.dot <= marks.high, JSON.stringify(marks));
  assert.match(await page.locator("#differences").innerText(), /same machine, kernel/);
  // The same cell of both is chosen, so its curves lie over each other.
  assert.equal(await page.locator("#distribution .readout tbody tr").count(), 2);
  assert.match(await page.locator(".heat").first().innerText(), /before[\s\S]*after/);
  assert.ok((await page.locator(".tile.worse .glyph").allInnerTexts()).includes("▲"));
  assert.deepEqual(seen, { requests: [], complaints: [] });
  await context.close();
});

test("machines that differ are told apart, and no verdict is given", async () => {
  const other = report("other.json", `${kSmall}
report["environment"]["kernel"]["release"] = "6.1.0"
`);
  const { page, context } = await open(makePage("other.html", report("this.json", kSmall), other));
  assert.match(await page.locator("#lead").innerText(), /No verdict/);
  assert.match(await page.locator("#differences table").innerText(), /kernel\.release\s+6\.18\.0\s+6\.1\.0/);
  assert.equal(await page.locator("#ratios").count(), 0);
  await context.close();
});

test("many reports stand side by side, each against the first", async () => {
  const third = sitting("third.json", false, 3);
  const { page, context, seen } = await open(makePage("many.html", before, after_it, third));
  assert.equal(await page.locator(".tile").count(), 6);
  assert.equal(await page.locator("#ratios select option").count(), 2);
  await page.locator("#ratios select").selectOption("1");
  assert.match(await page.locator("#ratios").innerText(), /third\.json against .*before\.json/);
  assert.equal(await page.locator(".of-report").count(), 3);
  assert.deepEqual(seen, { requests: [], complaints: [] });
  await context.close();
});
