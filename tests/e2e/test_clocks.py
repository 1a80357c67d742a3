#!/usr/bin/python3
"""Clocks that go wrong: what is kept of them, noticed, and shown. The tablets' clocks are moved by clock.so, which is
preloaded into their programs; the centre's is the machine's."""
import datetime
import pathlib
import re
import struct

from doorstep_e2e import Skip, helper, promise, run_all, wait_until

MINUTE, HOUR = 60_000, 3_600_000


class Clock:
    """The clocks of one tablet: both moved on, and the wall clock set besides."""

    def __init__(self, world, name):
        preloaded = helper("clock.so", "tests/bench")
        if not preloaded.exists():
            raise Skip("clock.so is not built")
        self.path, self.passed, self.ahead = world.folder / f"clock-{name}", 0, 0
        self.path.write_bytes(struct.pack("=qq", 0, 0))
        self.words = ["env", f"LD_PRELOAD={preloaded}", f"DOORSTEP_BENCH_CLOCK={self.path}"]

    def _write(self):
        with open(self.path, "r+b") as file:
            file.write(struct.pack("=qq", self.passed, self.ahead))

    def set(self, ahead_ms):
        self.ahead = ahead_ms
        self._write()


def needs_boot():
    if not pathlib.Path("/proc/sys/kernel/random/boot_id").exists():
        raise Skip("this system does not name its boot")


def with_patient(world, ahead_ms):
    """A centre, and a tablet whose clock is so far ahead, with one patient on it."""
    centre = world.centre()
    tablet = world.tablet(centre, "ana")
    clock = Clock(world, "ana")
    clock.set(ahead_ms)
    plain = tablet.words
    tablet.words = lambda *words: [*clock.words, *plain(*words)]  # every command of it, from now on
    tablet("patient", "add", "--name", "Zoë")
    tablet("sync")
    patient = tablet.json("patients")[0]["id"]
    return centre, tablet, clock, patient


def task(tablet, patient, title):
    return tablet.json("task", "add", "--patient", patient, title)["id"]


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@promise("what a tablet seven minutes fast wrote is shown at the right time, with by how much its clock was off")
def _(world):
    centre, tablet, clock, patient = with_patient(world, 7 * MINUTE)
    one = task(tablet, patient, "Call")
    tablet("sync")
    for command in ("show", "history"):
        shown = centre(command, f"task/{one}").out
        assert "(tablet 7 min fast)" in shown, shown
    row = centre.json("history", f"task/{one}")[0]
    apart = moment(row["tablet_clock"]) - moment(row["made_to"])
    assert abs(apart - 420) < 5 and moment(row["made_to"]) <= moment(row["received"]), row
    group = centre.json("show", f"task/{one}")["groups"][0]
    assert abs(moment(group["tablet_clock"]) - moment(group["to"]) - 420) < 5, group
    listed = centre.json("device", "list")[0]
    assert listed["clock"] == "7 min fast" and abs(int(listed["clock_offset_ms"]) - 420_000) < 3000, listed
    status = tablet("status").out
    assert re.search(r"This tablet's clock +7 min fast", status), status
    assert abs(int(tablet.json("status")["clock_offset_ms"]) - 420_000) < 3000


@promise("a clock that goes right is not spoken of")
def _(world):
    centre, tablet, clock, patient = with_patient(world, 0)
    one = task(tablet, patient, "Call")
    tablet("sync")
    shown = centre("show", f"task/{one}").out + centre("history", f"task/{one}").out
    assert "tablet 0" not in shown and "fast" not in shown and "slow" not in shown, shown
    assert centre.json("device", "list")[0]["clock"] == "right"
    assert "clock" not in tablet("status").out


@promise("a clock set back while nobody watches is noticed by the next command, told, and decides nothing")
def _(world):
    needs_boot()
    centre, tablet, clock, patient = with_patient(world, 0)
    clock.set(-40 * MINUTE)
    status = tablet("status").out
    assert "The clock was set back by 40 min. Nothing is lost" in status and "40 min slow" in status, status
    # By a program that knows nothing of the clock since boot: its wall clock is then all that is known, and it was set.
    tablet.sql(f"INSERT INTO task(patient, title, status) VALUES('{patient}', 'By SQL', 'open')")
    one = tablet.sql("SELECT id FROM task")[0][0]
    tablet("sync")
    row = centre.json("history", f"task/{one}")[0]
    assert moment(row["made_from"]) <= moment(row["made_to"]) <= moment(row["received"]), row
    assert "tablet " not in centre("history", f"task/{one}").out.split("made ")[1].splitlines()[0]
    # From the next answer on it is measured as it goes now.
    two = task(tablet, patient, "Measured again")
    tablet("sync")
    assert "(tablet 40 min slow)" in centre("show", f"task/{two}").out
    assert centre.json("device", "list")[0]["clock"] == "40 min slow"


@promise("what our own programs wrote before the clock was set keeps its time, by the clock since boot")
def _(world):
    needs_boot()
    centre, tablet, clock, patient = with_patient(world, 0)
    one = task(tablet, patient, "Before")
    clock.set(26 * HOUR)
    tablet("sync")
    row = centre.json("history", f"task/{one}")[0]
    assert moment(row["made_to"]) - moment(row["made_from"]) < 2, row
    assert "set forward by 1 day 2 h" in tablet("status").out


@promise("the centre's people are told of visits that overlap, and of one that ends before it begins")
def _(world):
    centre, tablet, _, patient = with_patient(world, 0)
    sql = "INSERT INTO visit(patient, worker, status, check_in_time, check_out_time, planned_from) VALUES "
    begin = 1_800_000_000_000  # 2027-01-15T08:00:00Z
    worker = tablet.sql("SELECT lower(hex(value)) FROM ds_meta WHERE key = 'worker'")[0][0]
    worker = "-".join(worker[low:high] for low, high in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
    times = ((0, 60), (30, 90), (90, 120), (300, 240), (1400, 1440), (1420, 1500))
    times = [(begin + low * MINUTE, begin + high * MINUTE) for low, high in times]
    rows = [f"('{patient}', '{worker}', 'done', {low}, {high}, {low})" for low, high in times]
    tablet.sql(sql + ", ".join(rows))
    ids = [row[0] for row in tablet.sql("SELECT id FROM visit ORDER BY check_in_time")]
    # Corrected to begin when the one before it ended, the last one overlaps nothing.
    edits = f'["check_in_time 2027-01-16T08:00:00.000Z at 2027-01-16T10:00:00.000Z by {worker}: late"]'
    tablet.sql(f"UPDATE visit SET edits = '{edits}' WHERE id = '{ids[5]}'")
    tablet("sync")
    listed = {visit["id"]: visit["flags"] for visit in centre.json("visit", "list", "--from", "2027-01-01")}
    assert listed == {ids[0]: f"overlaps visit/{ids[1]}", ids[1]: f"overlaps visit/{ids[0]}", ids[2]: None,
                      ids[3]: "ends before it begins", ids[4]: None, ids[5]: None}, listed
    assert f"! This visit overlaps visit/{ids[1]}." in centre("show", f"visit/{ids[0]}").out
    assert centre.json("show", f"visit/{ids[3]}")["flags"] == "ends before it begins"
    # A correction that moves a visit into another.
    edits = f'["check_in_time 2027-01-15T08:10:00.000Z at 2027-01-16T11:00:00.000Z by {worker}: mixed up"]'
    tablet.sql(f"UPDATE visit SET edits = '{edits}' WHERE id = '{ids[2]}'")
    tablet("sync")
    flags = centre.json("show", f"visit/{ids[2]}")["flags"]
    assert f"overlaps visit/{ids[0]}" in flags, flags


@promise("a running tablet looks at its clocks when it starts, and goes on syncing with whatever clock it has")
def _(world):
    needs_boot()
    centre, tablet, clock, patient = with_patient(world, 0)
    clock.set(-30 * MINUTE)
    (tablet.folder / "doorstep.conf").write_text("rest = 0\n", encoding="ascii")
    tablet.start()
    wait_until(lambda: tablet.sql("SELECT 1 FROM ds_notice WHERE what LIKE '%set back by 30 min.%'"), "a notice")
    task(tablet, patient, "While it runs")
    wait_until(lambda: tablet.json("status")["pending"] == "0", "nothing left to send")
    shown = centre.json("show", f"patient/{patient}")
    assert shown["records"]["task"] == "1", shown
    assert tablet.stop() == 0


if __name__ == "__main__":
    run_all()
