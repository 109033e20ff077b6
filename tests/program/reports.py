"""Reports made of given figures, for tests that compare them. The histograms are
encoded here, by another implementation than netstall's."""

import base64
import json
import random
import struct
import zlib

HIGHEST = 3_600_000_000_000


def slot_of(value):
    """HdrHistogram's slot of a value, with 2,048 sub-buckets (3 digits)."""
    bucket = max(value.bit_length() - 11, 0)
    return bucket * 1024 + (value >> bucket)


def highest_of(value):
    bucket = max(value.bit_length() - 11, 0)
    return ((value >> bucket) + 1 << bucket) - 1


def _zigzag(number):
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while number > 0x7F and len(out) < 8:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encoded(values):
    counts = {}
    for value in values:
        counts[slot_of(value)] = counts.get(slot_of(value), 0) + 1
    payload = b""
    at = 0
    for slot in sorted(counts):
        if slot > at:
            payload += _zigzag(at - slot)
        payload += _zigzag(counts[slot])
        at = slot + 1
    plain = struct.pack(">IIIIQQd", 0x1C849313, len(payload), 0, 3, 1, HIGHEST, 1.0) + payload
    packed = zlib.compress(plain)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed).decode()


def histogram(values):
    """HIST of the contract; a percentile with fewer than ten events beyond it is null."""
    values = sorted(values)
    count = len(values)
    made = {"count": count, "min": None, "mean": None}
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)):
        rank = max(-(-count * share // 1), 1)
        resolved = count > 0 and count - rank >= 10
        made[name] = min(highest_of(values[int(rank) - 1]), values[-1]) if resolved else None
    made["max"] = values[-1] if values else None
    if values:
        made["min"] = values[0]
        made["mean"] = sum(values) / count
    return {**made, "saturated": 0, "hdr": encoded(values)}


def count_of(durations):
    return {
        "count": len(durations),
        "waits": len(durations),
        "time_ns": sum(durations),
        "run_queue_ns": 1000 * len(durations),
        "duration_ns": histogram(durations),
        "wait_ns": histogram(durations),
        "open_at_start": 0,
        "open_at_end": 0,
    }


def stalls(durations):
    return {
        "total": count_of(durations),
        "by_cause": {"unknown": count_of([]), "sndbuf_full": count_of(durations), "mem_shortage": count_of([])},
    }


def latencies(centre, seed, events=1200):
    """Log-normal, as latencies are: `events` of them around `centre` ns."""
    draw = random.Random(seed)
    return [int(centre * draw.lognormvariate(0, 0.3)) for _ in range(events)]


def repetition(index, durations, latency, flow="slow", goodput=1e6):
    counters = {"counters": {"Tcp.RetransSegs": 0}, "gauges": {"TCP.mem": {"start": 1, "end": 2}}}
    measured = stalls(durations)
    return {
        "index": index,
        "order": index,
        "status": "ok",
        "reason": None,
        "started_at": "2026-01-31T12:00:00.000Z",
        "duration_ns": 2_000_000_000,
        "window_ns": 1_000_000_000,
        "flows": [
            {
                "name": flow,
                "connections": {"requested": 10, "established": 10, "failed": {}},
                "socket": {
                    "sndbuf": {"requested": 65536, "initial": 131072, "final": None},
                    "rcvbuf": {"requested": None, "initial": None, "final": None},
                },
                "goodput_bytes_per_s": goodput,
                "messages": 1000,
                "errors": {},
                "backlog": 0,
                "vain_sends": 0,
                "zerocopy": None,
                "send_call_ns": histogram(latency),
                "send_latency_ns": histogram(latency),
                "acked_latency_ns": None,
                "delivery_latency_ns": histogram(latency),
                "connect_ns": histogram([1_000_000] * 30),
                "own_clock": measured,
                "stalls": measured,
            }
        ],
        "stalls": measured,
        "probes": {
            "backend": "fentry",
            "missing": {},
            "lost_events": 0,
            "cost": {"runs": None, "time_ns": None},
        },
        "kernel": {"client": counters, "server": counters, "host": counters},
        "series": {
            "t_ns": [i * 100_000_000 for i in range(10)],
            "tcp_mem_pages": [1000] * 10,
            "goodput_bytes_per_s": [goodput] * 10,
            "blocked_senders": [1] * 10,
        },
        "expectations": [],
        "restored": True,
    }


def cell(centre, seed=0, repetitions=12, parameters=None, goodput=1e6):
    """Stalls of `centre` ns; 0 is none at all. Repetitions differ a little."""
    made = []
    for index in range(repetitions):
        draw = random.Random(f"{seed} {index}")
        own = draw.gauss(1, 0.02)
        durations = latencies(centre * own, f"{seed} {index} stalls") if centre else []
        latency = latencies(2_000_000 * own, f"{seed} {index} latency")
        made.append(repetition(index, durations, latency, goodput=goodput * draw.gauss(1, 0.01)))
    parameters = parameters or {}
    name = ",".join(f"{axis}={label}" for axis, label in parameters.items()) or "base"
    return {"id": name, "parameters": parameters, "expectations": [], "repetitions": made}


def report(*cells, environment=None, scenario_hash="0123456789abcdef"):
    return {
        "schema": "netstall/report/1",
        "kind": "run",
        "tool": {"version": "0.1.0", "revision": "abc", "compiler": "g++", "libbpf": "1.1"},
        "started_at": "2026-01-31T12:00:00.000Z",
        "seed": 1,
        "environment": {"kernel": {"release": "6.18.0"}} if environment is None else environment,
        "scenario_hash": scenario_hash,
        "scenario": {"name": "made"},
        "cells": list(cells),
    }


def write(document, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    return path
