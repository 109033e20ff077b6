#!/usr/bin/env bash
# What the probe send_wait costs traffic that it never sees blocked: with it and without, repetitions
# in random order, by Google Benchmark (netstall-bench). Prints the medians and their ratio.
#   scripts/probe_cost.sh [REPETITIONS [BUILD]]   (default: 12 build/release)
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
repetitions=${1-12}
build=$(realpath -- "${2-build/release}")
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT

# A stream whose sends never find a full buffer: sixteen messages are under way at most, and the
# buffers have room for all of them.
cat >"$folder/stream.json" <<'JSON'
{
  "schema": 1,
  "name": "free-stream",
  "flows": [{
    "name": "stream", "connections": 4, "pattern": "request-response", "pipeline": 16,
    "payload": { "fixed": "64KiB" }, "response": { "fixed": "64B" },
    "socket": { "sndbuf": "4MiB", "rcvbuf": "4MiB", "force_buffers": true }
  }],
  "timing": { "ramp": "100ms", "warmup": "300ms", "measure": "1s", "repetitions": 2 },
  "sweep": { "set": [
    { "label": "without", "set": { "/probes": [] } },
    { "label": "with", "set": { "/probes": ["send_wait"] } }
  ] }
}
JSON
cat >"$folder/exchanges.json" <<'JSON'
{
  "schema": 1,
  "name": "exchanges",
  "flows": [{
    "name": "exchanges", "connections": 1000, "pattern": "request-response",
    "payload": { "fixed": "128B" }, "response": { "fixed": "128B" }
  }],
  "timing": { "ramp": "500ms", "warmup": "300ms", "measure": "1s", "repetitions": 2 },
  "sweep": { "set": [
    { "label": "without", "set": { "/probes": [] } },
    { "label": "with", "set": { "/probes": ["send_wait"] } }
  ] }
}
JSON
"$build/bench/benchmarks/netstall-bench" -q "$folder/stream.json" "$folder/exchanges.json" \
  --benchmark_repetitions="$repetitions" --benchmark_format=json >"$folder/found.json"
python3 - "$folder/found.json" <<'PYTHON'
import json
import statistics
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    rows = [row for row in json.load(file)["benchmarks"] if row["run_type"] == "iteration"]
print("| traffic | repetitions | goodput without | with | ratio of medians | stalls a second |")
print("|---|---|---|---|---|---|")
for traffic in ("free-stream", "exchanges"):
    found = {}
    for arm in ("without", "with"):
        good = [row for row in rows if row["name"].startswith(f"{traffic}/set={arm}/") and not row.get("failed")]
        found[arm] = [row["goodput"] for row in good]
    stalls = statistics.median(row["stall.rate"] for row in good)
    middle = {arm: statistics.median(values) for arm, values in found.items()}
    print(f"| {traffic} | {len(found['with'])} + {len(found['without'])} | {middle['without'] / 1e6:.1f} MB/s | "
          f"{middle['with'] / 1e6:.1f} MB/s | {middle['with'] / middle['without']:.3f} | {stalls:.1f} |")
PYTHON
