// What the tests of the page share: reports, pages made of them by netstall, and a
// browser that notices every request and every complaint.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const folder = mkdtempSync(join(tmpdir(), "netstall-page-"));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });

export async function close() {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}

export const file = (name) => join(folder, name);

// A report made by sample_report.py's functions: `code` has the module as `make` and
// leaves the report in `report`.
export function report(name, code) {
  const program = `import json, sys\nsys.path.insert(0, sys.argv[1])\nimport sample_report as make\n${code}\njson.dump(report, sys.stdout)\n`;
  const text = execFileSync("python3", ["-c", program, process.env.NETSTALL_PAGE_TESTS], { maxBuffer: 1 << 30 });
  writeFileSync(file(name), text);
  return file(name);
}

// A sweep of any size; written in parts, because it may be large.
export function sweep(name, cells, repetitions) {
  execFileSync("sh", ["-c", 'exec python3 "$0/sample_report.py" "$1" "$2" > "$3"', process.env.NETSTALL_PAGE_TESTS, cells, repetitions, file(name)]);
  return file(name);
}

export function makePage(name, ...reports) {
  execFileSync(process.env.NETSTALL, ["report", ...reports, "-o", file(name)], { stdio: ["ignore", "inherit", "inherit"] });
  return file(name);
}

// Opens a page that was written; `seen` gathers what it asked for and complained of.
export async function open(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const seen = { requests: [], complaints: [] };
  const url = pathToFileURL(path).href;
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== url && !request.url().startsWith("blob:")) seen.requests.push(request.url());
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) seen.complaints.push(message.text());
  });
  page.on("pageerror", (error) => seen.complaints.push(String(error)));
  await page.goto(url + (options.fragment ?? ""));
  if (options.javaScriptEnabled !== false) await page.waitForSelector("html[data-ready=yes]");
  return { page, context, seen };
}

// A repetition in cells of several levels of blocking, with all that a page shows.
export const kSmall = `
pool = make.Pool()
cells = []
for at, (name, level) in enumerate([("none", 0), ("some", 5_000_000), ("much", 120_000_000)]):
    one = make.cell(pool, at, 3, 5, level=level)
    one["id"], one["parameters"] = f"case={name}", {"case": name}
    cells.append(one)
report = {**make.head("small"), "cells": cells}
`;
