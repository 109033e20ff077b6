"""Makes reports of any size for the tests of the page: every figure is known, so
that a test can say where a plot must have ink. Also a program:
    sample_report.py CELLS REPETITIONS > report.json
"""

import base64
import json
import math
import random
import struct
import sys
import zlib

HIGHEST = 3_600_000_000_000
CAUSES = ["unknown", "sndbuf_full", "mem_shortage"]


def _zigzag(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    for _ in range(8):
        if value < 0x80:
            out.append(value)
            return bytes(out)
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _slot(value):
    """The index of HdrHistogram's counts array: 2048 sub-buckets, unit 1."""
    bucket = max(0, value.bit_length() - 11)
    sub = value >> bucket
    return ((bucket + 1) << 10) + (sub - 1024)


def _highest_of(slot):
    bucket = (slot >> 10) - 1
    sub = (slot & 1023) + 1024
    if bucket < 0:
        bucket, sub = 0, sub - 1024
    return (sub << bucket) + (1 << bucket) - 1


def histogram(values):
    """HIST of the outer contract, from {value: count}."""
    slots = {}
    for value, count in values.items():
        slots[_slot(value)] = slots.get(_slot(value), 0) + count
    payload = bytearray()
    at = 0
    for slot in sorted(slots):
        if slot > at:
            payload += _zigzag(at - slot)
        payload += _zigzag(slots[slot])
        at = slot + 1
    if not slots:
        payload += _zigzag(1)[:0] + _zigzag(0)
    head = struct.pack(">iiiiqqd", 0x1C849303 | 0x10, len(payload), 0, 3, 1, HIGHEST, 1.0)
    squeezed = zlib.compress(head + bytes(payload))
    text = struct.pack(">ii", 0x1C849304 | 0x10, len(squeezed)) + squeezed
    count = sum(values.values())

    def percentile(p):
        if count - math.ceil(count * p) < 10:
            return None
        rank, seen = max(1, math.ceil(count * p)), 0
        for slot in sorted(slots):
            seen += slots[slot]
            if seen >= rank:
                return min(_highest_of(slot), max(values))
        return None

    return {
        "count": count,
        "min": min(values) if values else None,
        "mean": sum(v * c for v, c in values.items()) / count if values else None,
        "p50": percentile(0.5),
        "p90": percentile(0.9),
        "p99": percentile(0.99),
        "p999": percentile(0.999),
        "max": max(values) if values else None,
        "saturated": 0,
        "hdr": base64.b64encode(text).decode(),
    }


def spread(rng, median_ns, events, sigma=0.5):
    """A log-normal spread of events as {value: count}."""
    values = {}
    for _ in range(events):
        value = max(1, int(median_ns * math.exp(rng.gauss(0, sigma))))
        values[value] = values.get(value, 0) + 1
    return values


def stall_count(values):
    hist = histogram(values)
    return {
        "count": hist["count"],
        "waits": hist["count"],
        "time_ns": sum(v * c for v, c in values.items()),
        "run_queue_ns": 1000 * hist["count"],
        "duration_ns": hist,
        "wait_ns": hist,
        "open_at_start": 0,
        "open_at_end": 0,
    }


def stalls(of_cause):
    """STALLS from {cause: {value: count}}."""
    total = {}
    for values in of_cause.values():
        for value, count in values.items():
            total[value] = total.get(value, 0) + count
    return {
        "total": stall_count(total),
        "by_cause": {cause: stall_count(of_cause.get(cause, {})) for cause in CAUSES},
    }


class Pool:
    """Parts of repetitions, made once: a large report repeats them."""

    def __init__(self, seed=1, size=16):
        self.rng = random.Random(seed)
        self.size = size
        self.made = {}

    def take(self, key, index, make):
        parts = self.made.setdefault(key, {})
        index %= self.size
        if index not in parts:
            parts[index] = make()
        return parts[index]


def flow(pool, level, index, name="stream", connections=64, window_ns=3_000_000_000):
    """One flow group whose stalls have a median of `level` ns; 0: none."""
    rng = pool.rng

    def make_stalls():
        if level == 0:
            return stalls({})
        events = max(20, int(connections * window_ns * 0.4 / level))
        full = spread(rng, level, min(events, 2000))
        short = spread(rng, level * 3, max(12, min(events, 2000) // 8))
        return stalls({"sndbuf_full": full, "mem_shortage": short})

    stalled = pool.take(("stalls", level), index, make_stalls)
    own = {
        "total": {**stalled["total"], "wait_ns": None, "run_queue_ns": None},
        "by_cause": {"unknown": {**stalled["total"], "wait_ns": None, "run_queue_ns": None}}
        | {cause: None for cause in CAUSES[1:]},
    }
    latency = pool.take(
        ("latency", level), index, lambda: histogram(spread(rng, 40_000 + level, 1500, 0.8))
    )
    call = pool.take(("call", level), index, lambda: histogram(spread(rng, 20_000, 1500, 0.4)))
    connect = pool.take("connect", index, lambda: histogram(spread(rng, 90_000, 64, 0.2)))
    size = pool.take("size", 0, lambda: histogram({87040: connections}))
    return {
        "name": name,
        "connections": {"requested": connections, "established": connections, "failed": {}},
        "socket": {
            "sndbuf": {"requested": 65536, "initial": 87040, "final": size},
            "rcvbuf": {"requested": None, "initial": 131072, "final": size},
        },
        "goodput_bytes_per_s": 2.0e8 / (1 + level / 1e7),
        "messages": latency["count"],
        "errors": {},
        "backlog": 3,
        "send_call_ns": call,
        "send_latency_ns": latency,
        "acked_latency_ns": None,
        "delivery_latency_ns": latency,
        "connect_ns": connect,
        "own_clock": own,
        "stalls": stalled,
    }


def repetition(pool, level, index, order, cell, names=("stream",), window_ns=3_000_000_000):
    flows = [flow(pool, level, index, name, window_ns=window_ns) for name in names]
    points = window_ns // 100_000_000
    gauges = {f"Gauge.{i}": {"start": i, "end": i} for i in range(12)}
    return {
        "index": index,
        "order": order,
        "cell": cell,
        "status": "ok",
        "reason": None,
        "started_at": "2026-01-31T12:00:00.000Z",
        "duration_ns": window_ns + 900_000_000,
        "window_ns": window_ns,
        "flows": flows,
        "stalls": flows[0]["stalls"],
        "worst_stalls": [
            {
                "flow": names[0],
                "cause": "sndbuf_full",
                "sub_cause": "peer_window",
                "duration_ns": int(level) + 40_000_000,
                "waits": 3,
                "began_ns": 1000,
                "open_at_end": True,
                "local": "10.78.0.1:5001",
                "remote": "10.78.0.2:40000",
                "queued_bytes": 87040,
                "sndbuf_bytes": 87040,
                "peer_window_bytes": 0,
                "tcp_mem_pages": 1234,
                "stack": ["wait_woken", "sk_stream_wait_memory", "tcp_sendmsg_locked"],
                "no_stack": None,
            }
        ] if level else [],
        "findings": {
            "drops": {
                "backend": "tracepoint",
                "events": {"client": {"PROTO_MEM": 5 if level else 0}, "server": {}},
                "spells": {},
                "notes": [],
                "lost_events": 0,
                "cost": {"runs": 5, "time_ns": 1000},
            }
        },
        "probes": {
            "backend": "tracepoint",
            "missing": {},
            "cannot_tell": [],
            "notes": [],
            "lost_events": 0,
            "cost": {"runs": 1000, "time_ns": 90000, "interval_ns": 500000000},
        },
        "kernel": {
            "client": {
                "counters": {"Tcp.InSegs": 40000, "TcpExt.TCPToZeroWindowAdv": 12 if level else 0,
                             "TcpExt.TCPRcvQDrop": 5 if level else 0},
                "gauges": gauges,
            },
            "server": {
                "counters": {"Tcp.OutSegs": 40000, "Ip.OutTransmits": 39000, "Tcp.RetransSegs": 7},
                "gauges": gauges,
            },
            "host": {"counters": {"softnet.processed": 80000}, "gauges": {}},
        },
        "memory_limit": {},
        "series": {
            "t_ns": [100_000_000 * (i + 1) for i in range(points)],
            "tcp_mem_pages": [1000 + 500 * (i % 7) for i in range(points)],
            "goodput_bytes_per_s": [2.0e8 + 1.0e6 * (i % 5) for i in range(points)],
            "blocked_senders": [(i * 7) % 60 if level else 0 for i in range(points)],
        },
        "expectations": [],
        "restored": True,
        "not_restored": [],
    }


def environment():
    return {
        "kernel": {"release": "6.18.0", "architecture": "x86_64"},
        "cpu": {"model": "Test CPU", "count": "2"},
        "sysctl": {"host": {"net": {"ipv4": {"tcp_mem": "1000 2000 4000"}}}},
    }


def head(name="sweep", sweep=None):
    return {
        "schema": "netstall/report/1",
        "kind": "run",
        "tool": {"version": "0.1.0", "revision": "test", "compiler": "g++", "libbpf": "1.1"},
        "started_at": "2026-01-31T12:00:00.000Z",
        "seed": 7,
        "environment": environment(),
        "scenario_hash": "0123456789abcdef",
        "scenario": {
            "schema": 1,
            "name": name,
            "why": "Made by a test.",
            "flows": [{"name": "stream", "connections": 64, "sender": "server"}],
            "sweep": sweep or {},
        },
    }


LEVELS = [0, 200_000, 1_000_000, 5_000_000, 20_000_000, 60_000_000, 120_000_000, 200_000_000]


def parameters(index, cells):
    """Points of a cube as near as the number of cells allows."""
    side = max(1, math.ceil(cells ** (1 / 3)))
    return {
        "/flows/0/socket/sndbuf": f"{2 ** (index % side + 14)}",
        "reader": f"rate {index // side % side}",
        "memory": f"{index // side // side} MiB",
    }


def cell(pool, index, cells, repetitions, level=None):
    values = parameters(index, cells)
    if level is None:
        level = LEVELS[(index + index // 10) % len(LEVELS)]
    return {
        "id": ",".join(f"{key.split('/')[-1]}={value}" for key, value in values.items()),
        "parameters": values,
        "repetitions": [
            repetition(pool, level, i, index * repetitions + i, index) for i in range(repetitions)
        ],
        "expectations": [],
    }


def write(out, cells, repetitions, seed=1):
    """A report as text, cell by cell: a large one does not fit twice into memory."""
    pool = Pool(seed)
    text = json.dumps({**head(), "cells": []})
    assert text.endswith("[]}")
    out.write(text[:-2])
    for index in range(cells):
        out.write(",\n" if index else "\n")
        out.write(json.dumps(cell(pool, index, cells, repetitions)))
    out.write("]}\n")


if __name__ == "__main__":
    write(sys.stdout, int(sys.argv[1]), int(sys.argv[2]))
