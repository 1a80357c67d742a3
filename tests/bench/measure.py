"""One run of workload W against the real programs: a centre, two tablets, and everything that is measured of them."""
import http.client
import json
import os
import pathlib
import re
import sqlite3
import ssl
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from doorstep_e2e import BUILD, World  # noqa: E402
from glass import Glass  # noqa: E402
from workload import update  # noqa: E402

TOOLS = BUILD / "release" / "tests" / "bench"
HOUR_MS = 3600 * 1000
D_LATER_MS = 10_000
TOLD = ("bytes_up", "bytes_down", "wire_up", "wire_down", "requests", "pending", "held", "sent", "accepted")


class Clock:
    """The clock that all processes of a run share (clock.c): the machine's, moved ahead."""

    def __init__(self, world):
        self.path, self.ahead_ms = world.folder / "clock", 0
        self.path.write_bytes(struct.pack("q", 0))
        world.environment.update(LD_PRELOAD=str(TOOLS / "clock.so"), DOORSTEP_BENCH_CLOCK=str(self.path))

    def move(self, by_ms):
        self.ahead_ms += by_ms
        with open(self.path, "r+b") as shared:
            shared.write(struct.pack("q", self.ahead_ms))


def private_kb(pid):
    """Dirty pages that are nobody else's; 0 once the process is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"Private_Dirty:\s+(\d+)", text)
    return int(found.group(1)) if found else 0


def cpu_s(pid):
    """CPU of a running process, all threads, also those that ended: its clock as clock_getcpuclockid names it."""
    return time.clock_gettime((~pid << 3) | 2)


class Watch:
    """The highest private memory of some processes while they work."""

    def __init__(self, pids):
        self.peaks, self.done = dict.fromkeys(pids, 0), threading.Event()
        self.thread = threading.Thread(target=self._look)

    def _look(self):
        while not self.done.is_set():
            for pid in self.peaks:
                self.peaks[pid] = max(self.peaks[pid], private_kb(pid))
            time.sleep(0.001)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


class Run:
    """seen: through the glass, with memory watched: bytes are true, times are not."""

    def __init__(self, workload, seen):
        self.w, self.seen, self.figures = workload, seen, {}
        self.world = World()
        self.clock = Clock(self.world)
        self.proxy = self.glass = None
        self.bodies = {}

    def close(self):
        if self.glass is not None:
            self.glass.close()
        self.world.close()

    # --- what is measured of one sync

    def sync(self, tablet, name):
        """doorstep sync, measured; returns what it told."""
        words = [str(word) for word in tablet.words("sync", "--json")]
        figure, out = (self.look if self.seen else self.time)(words)
        told = {key: int(out[key]) for key in TOLD}
        assert told["pending"] == 0 and told["held"] == 0, told
        figure.update(up=told["bytes_up"], down=told["bytes_down"], requests=told["requests"], wire_up=told["wire_up"],
                      wire_down=told["wire_down"])
        if self.seen:
            figure.update(self.seen_bytes(name, told))
        self.figures[name] = figure
        return told

    def start(self, words):
        return subprocess.Popen(words, env=self.world.environment_with(None), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def time(self, words):
        """Times of one command, and what it printed."""
        centre = self.centre.process.pid
        before, start = cpu_s(centre), time.perf_counter()
        process = self.start(words)
        with process.stdout, process.stderr:
            out, err = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, err.decode()
        told = json.loads(out)
        return {"wall_ms": wall * 1e3, "exchange_ms": int(told["elapsed_ms"]),
                "tablet_cpu_ms": (usage.ru_utime + usage.ru_stime) * 1e3,
                "centre_cpu_ms": (cpu_s(centre) - before) * 1e3}, told

    def look(self, words):
        """Memory of both while one command works, and what it printed."""
        self.proxy.reset()
        process, centre = self.start(words), self.centre.process.pid
        with Watch([process.pid, centre]) as watch:
            out, err = process.communicate()
        assert process.returncode == 0, err.decode()
        return {"tablet_kb": watch.peaks[process.pid], "centre_kb": watch.peaks[centre]}, json.loads(out)

    def seen_bytes(self, name, told):
        """HTTP's bytes; and is what the tablet tells of its own bytes true?"""
        time.sleep(0.05)  # the connection's end passes the proxies
        (ups, downs), (http_up, http_down) = self.glass.take()
        assert (sum(map(len, ups)), sum(map(len, downs))) == (told["bytes_up"], told["bytes_down"]), told
        assert abs(self.proxy.bytes_up - told["wire_up"]) < 200, (self.proxy.bytes_up, told)
        self.bodies[name] = (ups, downs)
        return {"http_up": http_up, "http_down": http_down}

    # --- the agency

    def begin(self):
        """Accounts, patients, the base, and two tablets of two care managers with the same caseload."""
        w = self.w
        self.centre = self.world.centre()
        for at, care_manager in enumerate(w.care_managers, 1):
            made = self.centre.json("user", "add", f"cm{at}", "--name", f"Care manager {at}", "--role", "care-manager")
            w.workers[care_manager] = made["id"]
        self.load(w.load_patients())
        for login in ("cm1", "cm2"):
            self.centre("assign", "--user", login, "--all")
        url = None
        if self.seen:
            self.glass = Glass(self.centre.port, self.centre.folder / "keys")
            self.proxy = self.world.proxy(self.glass.port)
            url = self.proxy.url
        empty, self.first, self.second = (
            self.world.tablet(self.centre, login, url=url, new_user=False, folder=folder)
            for login, folder in (("cm1", "empty"), ("cm1", "first"), ("cm2", "second"))
        )
        if self.seen:
            time.sleep(0.05)
            self.glass.take()
        self.sync(empty, "frame")
        self.load(w.load())

    def load(self, records):
        path = self.world.folder / "load.json"
        path.write_text(json.dumps(records), encoding="utf-8")
        self.world.run([TOOLS / "load", "--data", self.centre.folder, path])

    def work(self, tablet, statements, over_ms):
        """A day's statements, each a transaction of a stock program, spread over this long."""
        for statement in statements:
            self.world.run(["sqlite3", "-batch", "-cmd", ".timeout 5000", tablet.replica], text=statement + ";\n")
            self.clock.move(over_ms // len(statements))

    # --- what must be true

    def rows(self, tablet):
        """{(kind, id): what is not null} of the kinds of W."""
        found = {}
        with sqlite3.connect(f"file:{tablet.replica}?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            for kind in ("note", "task", "visit"):
                for row in db.execute(f"SELECT * FROM {kind}"):
                    found[kind, row["id"]] = {key: row[key] for key in row.keys()
                                              if key not in ("id", "version") and row[key] is not None}
        return found

    def must_hold(self, tablet, expected, when):
        expected = {key: {n: v for n, v in fields.items() if v is not None} for key, fields in expected.items()}
        found = self.rows(tablet)
        if found != expected:
            odd = [key for key in {*found, *expected} if found.get(key) != expected.get(key)]
            raise AssertionError(f"{when}: {len(odd)} records differ, as {odd[0]}: {found.get(odd[0])} for"
                                 f" {expected.get(odd[0])}")

    # --- the phases

    def play(self):
        w = self.w
        self.begin()
        expected = w.expected()
        self.clock.move(HOUR_MS)
        self.sync(self.first, "A")
        self.must_hold(self.first, expected, "A")
        self.sync(self.second, "A, second tablet")
        self.must_hold(self.second, expected, "A at the second tablet")

        self.clock.move(16 * HOUR_MS)
        day = list(w.statements())
        self.work(self.first, [statement for statement, _, _ in day], 8 * HOUR_MS)
        for _, key, fields in day:
            expected[key] = {**expected.get(key, {}), **fields}
        told = self.sync(self.first, "B")
        assert told["sent"] == told["accepted"] == len(day), told
        self.must_hold(self.first, expected, "B")
        self.sync(self.second, "C")
        self.must_hold(self.second, expected, "C")
        self.play_both(expected)
        self.sync(self.first, "settled")
        self.sync(self.first, "idle")
        if not self.seen:
            self.play_visible()
            self.alone()
        self.centre("verify")
        self.first("verify")
        self.centre.stop()

    def play_both(self, expected):
        """D: T2's edits 10 s after T1's; T1, T2, T1 sync."""
        self.clock.move(HOUR_MS)
        for tablet, side in ((self.first, "t1"), (self.second, "t2")):
            edits = [update(d["type"], d["id"], self.w.fields(d["type"], d[side])) for d in self.w.both]
            self.work(tablet, edits, 1000)
            self.clock.move(D_LATER_MS - 1000)
        for name, tablet in (("D1", self.first), ("D2", self.second), ("D3", self.first)):
            self.sync(tablet, name)
        for d in self.w.both:
            for side in ("t1", "t2"):
                expected[d["type"], d["id"]].update(self.w.fields(d["type"], d[side]))
        self.must_hold(self.first, expected, "D at T1: both fields, and the later of two edits of one")
        self.must_hold(self.second, expected, "D at T2")
        kept = 0
        for d in (d for d in self.w.both if d["kind"] == "same"):
            history = self.centre("history", f"{d['type']}/{d['id']}", "--json").out
            kept += d["t1"]["title"] in history and d["t2"]["title"] in history
        same = [d for d in self.w.both if d["kind"] == "same"]
        self.figures["D"] = {"both_fields": len(self.w.both) - len(same), "later_stands": len(same), "other_kept": kept}
        assert kept == len(same), f"D: of {len(same)} values that do not stand {kept} are kept"

    def play_visible(self):
        out = self.world.run([TOOLS / "visible", self.first.folder, self.second.folder, *self.w.ping]).out
        self.figures["F"] = {"ms": statistics.median(json.loads(out))}

    # --- in the same run: what the parts cost alone

    def alone(self):
        """Raw inserts of the base's rows at the same durability; a commit of one row; HTTPS of the same centre."""
        rows = [(kind, key, json.dumps(fields)) for kind, key, _, fields in self.w.load()]
        db = sqlite3.connect(self.world.folder / "raw.db", isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL").fetchall()
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE raw(kind, id TEXT PRIMARY KEY, fields) WITHOUT ROWID")
        start = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO raw VALUES(?,?,?)", rows)
        db.execute("COMMIT")
        inserts = time.perf_counter() - start
        commits = []
        for _ in range(50):
            start = time.perf_counter()
            db.execute("UPDATE raw SET kind=kind||'x' WHERE id=?", rows[0][1:2])
            commits.append(time.perf_counter() - start)
        db.close()
        fresh = [self.echo(None)[0] for _ in range(20)]
        kept, connection = [], self.connect()
        for _ in range(50):
            kept.append(self.echo(connection)[0])
        self.figures["alone"] = {
            "inserts_ms": inserts * 1e3, "commit_ms": statistics.median(commits) * 1e3,
            "fresh_ms": statistics.median(fresh) * 1e3, "kept_ms": statistics.median(kept) * 1e3,
        }

    def connect(self):
        context = ssl.create_default_context(cafile=self.centre.folder / "keys" / "ca.pem")
        return http.client.HTTPSConnection("127.0.0.1", self.centre.port, context=context)

    def echo(self, connection):
        """The centre's card, which needs no database: plain HTTPS. connection: None = a fresh one."""
        start = time.perf_counter()
        used = connection or self.connect()
        used.request("GET", "/v1/centre")
        body = used.getresponse().read()
        took = time.perf_counter() - start
        if connection is None:
            used.close()
        return took, body
