#!/usr/bin/python3
"""Workload W over HTTPS on loopback: what it costs, beside the targets.

    bench.py [--json] [--runs N] [--where]

Real programs, a release build. Phases: A a fresh tablet pulls 2,000 records; B a day without signal, then one sync; C
a second tablet pulls exactly B; D both edit the same ten records, T2 ten seconds after T1, and T1, T2, T1 sync; idle,
a sync with nothing to say; F one edit until it is visible at the other tablet. After each phase the tablets' rows are
compared with what W says they must be; a difference ends the benchmark.

Bodies, requests and what travelled over TCP are the programs' own figures; one more run, through a proxy that sees
what is said (glass.py), checks them, tells HTTP's share, and watches private memory. Figures are medians of the runs.
A time is quoted with its ratio to something of the same run: raw inserts of the same rows into SQLite at the same
durability, a plain HTTPS request to the same centre, fresh or on a kept connection, and one commit.

--where: then, for each request and answer, what its parts cost (where.py).
"""
import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

from measure import TOOLS, Run
from where import print_where
from workload import FOLDER, Workload

KB = 1000
SYNCS = ("A", "B", "C", "D1", "D2", "D3", "idle")


def median(runs, *path):
    values = []
    for figures in runs:
        for step in path:
            figures = figures[step]
        values.append(figures)
    return statistics.median(values)


def body(runs, *names):
    return statistics.median(sum(run[name]["up"] + run[name]["down"] for name in names) for run in runs)


def capture_ratios():
    """The cost of a captured write against the same one on a table without triggers."""
    ratios = {}
    for place in ("memory", "disk"):
        found = [capture_once(place == "disk") for _ in range(3)]
        ratios[place] = {"insert": statistics.median(insert for insert, _ in found),
                         "update": statistics.median(change for _, change in found)}
    return ratios


def capture_once(disk):
    with tempfile.TemporaryDirectory(prefix="doorstep-") as folder:
        words = [TOOLS / "capture", *([folder] if disk else [])]
        out = subprocess.run(words, capture_output=True, encoding="ascii", check=True).stdout
        return tuple(map(float, re.findall(r"ratio ([\d.]+)", out)))


def per_phase(runs, seen):
    """One row a sync: medians, and the seen run's share of HTTP and memory."""
    rows = {}
    for name in ("frame", *SYNCS):
        row = {key: median(runs, name, key) for key in ("up", "down", "requests", "wire_up", "wire_down", "wall_ms",
                                                       "exchange_ms", "tablet_cpu_ms", "centre_cpu_ms")}
        row.update({key: seen[name][key] for key in ("http_up", "http_down", "tablet_kb", "centre_kb")})
        row["tls"] = row["wire_up"] + row["wire_down"] - row["up"] - row["down"] - row["http_up"] - row["http_down"]
        row["wall_per_fresh_https"] = statistics.median(run[name]["wall_ms"] / run["alone"]["fresh_ms"] for run in runs)
        rows[name] = row
    return rows


def targets(runs, rows, capture):
    """(what, figure, target, unit, note): met where figure <= target."""
    parts = [run["alone"]["inserts_ms"] + run["alone"]["fresh_ms"] for run in runs]
    ratio = statistics.median(run["A"]["exchange_ms"] / part for run, part in zip(runs, parts))
    kept = statistics.median(run["F"]["ms"] / run["alone"]["kept_ms"] for run in runs)
    commits = statistics.median(run["F"]["ms"] / run["alone"]["commit_ms"] for run in runs)
    yield ("A, bytes of bodies", body(runs, "A") / KB, 285, "KB",
           f"{body(runs, 'frame') / KB:.1f} KB of it for patients and staff")
    yield "A, requests", rows["A"]["requests"], 1, "", ""
    yield ("A, wall, whole program", rows["A"]["wall_ms"] / 1e3, 0.10, "s",
           f"the exchange alone {rows['A']['exchange_ms'] / 1e3:.3f} s = {ratio:.1f} x (raw inserts + HTTPS)")
    for phase in ("B", "C"):
        yield f"{phase}, bytes of bodies", body(runs, phase) / KB, 7.9, "KB", ""
        yield f"{phase}, requests", rows[phase]["requests"], 1, "", ""
    yield "D, bytes of bodies, three syncs", body(runs, "D1", "D2", "D3") / KB, 1.8, "KB", ""
    yield "D, requests", sum(rows[name]["requests"] for name in ("D1", "D2", "D3")), 3, "", ""
    yield "idle, bytes of bodies", body(runs, "idle"), 300, "B", ""
    yield ("F, until visible", median(runs, "F", "ms"), 2.4, "ms",
           f"{kept:.0f} x HTTPS kept, {commits:.0f} x a commit; the second tablet asks at once, nobody waits for news")
    yield ("private memory, tablet's command, A", rows["A"]["tablet_kb"] / 1024, 12, "MB",
           "dirty pages; the target is for 20,000 records")
    yield "private memory, centre, A", rows["A"]["centre_kb"] / 1024, 40, "MB", "dirty pages"
    for statement in ("insert", "update"):
        yield (f"capture, {statement.upper()}", capture["disk"][statement], 2.0, "x",
               f"on disk, 100 a commit; in memory {capture['memory'][statement]:.1f} x")


def verdict(figure, target):
    return "met" if figure <= target else f"missed by {(figure / target - 1) * 100:.0f} %"


def plain(figure):
    return f"{figure:.0f}" if figure >= 100 or figure == int(figure) else f"{figure:.2f}"


def print_report(report):
    print("Targets (bodies both ways; medians)")
    for t in report["targets"]:
        figure = f"{plain(t['figure'])} {t['unit']}".strip()
        target = f"<= {plain(t['target'])} {t['unit']}".strip()
        print(f"  {t['what']:36} {figure:>10}  {target:>10}  {t['verdict']:16} {t['note']}".rstrip())
    d = report["correct"]
    print(f"D keeps both fields {d['both_fields']}/5; the later edit stands {d['later_stands']}/5 and the other is in"
          f" the history {d['other_kept']}/5. Rows after A, B, C and D are as W says.")
    print_phases(report["phases"])
    a = report["alone"]
    print(f"\nAlone, in the same runs: raw inserts of the base {a['inserts_ms']:.1f} ms, a commit"
          f" {a['commit_ms']:.2f} ms, HTTPS fresh {a['fresh_ms']:.2f} ms, kept {a['kept_ms']:.2f} ms;"
          f" zlib -9 of the base as JSON {a['zlib_bytes'] / KB:.0f} KB in {a['zlib_ms']:.0f} ms.")


def print_phases(phases):
    columns = (("up", "up", 9, 0), ("down", "down", 8, 0), ("http_up", "HTTP up", 9, 0), ("http_down", "down", 6, 0),
               ("tls", "TLS", 7, 0), ("requests", "requests", 10, 0), ("wall_ms", "wall ms", 9, 1),
               ("wall_per_fresh_https", "x HTTPS", 9, 1), ("tablet_cpu_ms", "CPU ms", 8, 1),
               ("centre_cpu_ms", "centre", 8, 1), ("tablet_kb", "memory", 8, 0), ("centre_kb", "centre", 8, 0))
    print("\nPhases: bytes of bodies, of HTTP, and of TLS with its handshake; private memory in KB")
    print("          " + "".join(f"{title:>{width}}" for _, title, width, _ in columns))
    for name, row in phases.items():
        print(f"  {name:8}" + "".join(f"{row[key]:{width}.{digits}f}" for key, _, width, digits in columns))


def zlib_alone(workload):
    bare = workload.bare_bytes()
    start = time.perf_counter()
    size = len(zlib.compress(bare, 9))
    return {"zlib_bytes": size, "zlib_ms": (time.perf_counter() - start) * 1e3}


def play(seen):
    """The figures of one run, and of a seen one the bodies."""
    run = Run(Workload(), seen)
    try:
        run.play()
        return run.figures, run.bodies
    finally:
        run.close()


def main():
    parser = argparse.ArgumentParser(description="Workload W over HTTPS on loopback, beside the targets.")
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")
    parser.add_argument("--runs", type=int, default=3, help="how many (3)")
    parser.add_argument("--where", action="store_true", help="what the parts of each body cost")
    options = parser.parse_args()
    if not (FOLDER / "base.json.gz").exists():
        print(f"SKIP {FOLDER}")
        return 0
    seen, bodies = play(True)
    runs = [play(False)[0] for _ in range(options.runs)]
    rows, capture = per_phase(runs, seen), capture_ratios()
    report = {
        "targets": [{"what": what, "figure": figure, "target": target, "unit": unit, "verdict": verdict(figure, target),
                     "note": note} for what, figure, target, unit, note in targets(runs, rows, capture)],
        "correct": runs[0]["D"], "phases": rows, "capture": capture,
        "alone": {**{key: median(runs, "alone", key) for key in runs[0]["alone"]}, **zlib_alone(Workload())},
    }
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        print_report(report)
    if options.where:
        print_where(bodies)
    return 0


if __name__ == "__main__":
    sys.exit(main())
