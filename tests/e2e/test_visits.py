#!/usr/bin/python3
"""Visits that are moved, cancelled and repeated, on tablets and at the centre.

Days are counted from today in UTC, the zone of the agency where none is named; a test that would cross midnight between two of
its commands plans far enough from both ends not to notice.
"""
import datetime
import sqlite3
import uuid

from doorstep_e2e import promise, run_all, wait_until

TODAY = datetime.datetime.now(datetime.timezone.utc).date()
HORIZON = 60


def day(after):
    return (TODAY + datetime.timedelta(days=after)).isoformat()


class Agency:
    """A centre that serves, a supervisor, a patient in Ana's caseload, and her tablet."""

    def __init__(self, world, zone="UTC"):
        self.centre = world.centre(options=("--zone", zone))
        self.centre("user", "add", "sue", "--name", "Sue Lang", "--role", "supervisor")
        self.ana = world.tablet(self.centre, "ana")
        self.patient = self.centre.json("patient", "add", "--name", "-", text="Zoë Müller")["id"]
        self.centre("assign", "--user", "ana", "--patient", self.patient)
        self.ana("sync")

    def plan(self, at, *more):
        return self.centre.json("visit", "plan", "--patient", self.patient, "--user", "ana", "--at", at, "--as", "sue", *more)

    def visits(self, *more):
        """{when: status} at the centre, all of them that are not past."""
        rows = self.centre.json("visit", "list", "--patient", self.patient, *more)
        return {row["planned_from"]: row["status"] for row in rows}

    def planned(self):
        """When visits are planned; a time stands twice where two are."""
        rows = self.centre.json("visit", "list", "--patient", self.patient)
        return sorted(row["planned_from"] for row in rows if row["status"] == "planned")

    def planned_on_tablet(self):
        return sorted(row["planned_from"] for row in self.ana.json("visit", "list", "--all") if row["status"] == "planned")

    def visit_on(self, date):
        (row,) = [row for row in self.centre.json("visit", "list", "--from", date, "--to", date) if row["status"] == "planned"]
        return row["id"]

    def shown(self, visit):
        return self.centre.json("show", f"visit/{visit}")

    def on_tablet(self):
        self.ana("sync")
        return {row["planned_from"]: row["status"] for row in self.ana.json("visit", "list", "--all")}


def at(after, time="08:30"):
    return f"{day(after)}T{time}"


def utc(after, time="08:30"):
    return f"{day(after)}T{time}:00Z"


# --- moving, cancelling, listing


@promise("a planned visit is moved with its length, and one that has begun, is over or was cancelled is not")
def _(world):
    agency = Agency(world)
    visit = agency.plan(at(2), "--minutes", "45")["id"]
    moved = agency.centre.json("visit", "move", visit, "--at", at(3, "14:00"), "--as", "sue")
    assert moved["planned_from"] == utc(3, "14:00"), moved
    assert agency.shown(visit)["planned_to"] == utc(3, "14:45")
    agency.centre("visit", "move", visit, "--at", at(3, "15:00"), "--minutes", "20")
    assert agency.shown(visit)["planned_to"] == utc(3, "15:20")
    agency.ana("sync")
    agency.ana("visit", "in", visit)
    agency.ana("sync")
    for words in (("move", visit, "--at", at(4)), ("cancel", visit, "--reason", "x")):
        assert "in progress" in agency.centre.failure("visit", *words)["what"]
        assert "in progress" in agency.ana.failure("visit", *words)["what"]
    agency.ana("visit", "out", visit)
    agency.ana("sync")
    for program in (agency.centre, agency.ana):
        assert "is over" in program.failure("visit", "move", visit, "--at", at(4))["what"]
    gone = agency.plan(at(5))["id"]
    agency.centre("visit", "cancel", gone, "--reason", "-", text="In hospital\n")
    assert (agency.shown(gone)["status"], agency.shown(gone)["status_reason"]) == ("cancelled", "In hospital")
    agency.ana("sync")
    for program in (agency.centre, agency.ana):
        assert "was cancelled" in program.failure("visit", "move", gone, "--at", at(6))["what"]
    assert "why" in agency.centre.failure("visit", "cancel", visit, code=2)["what"]


@promise("a tablet moves and cancels visits of its own caseload, and the centre hears of it")
def _(world):
    agency = Agency(world)
    first, second = agency.plan(at(2), "--minutes", "30")["id"], agency.plan(at(3))["id"]
    agency.ana("sync")
    assert agency.ana.json("visit", "move", first, "--at", at(4, "10:15"))["travel"] == "Saved on this tablet"
    agency.ana("visit", "cancel", second, "--reason", "Daughter is there")
    agency.ana("sync")
    assert (agency.shown(first)["planned_from"], agency.shown(first)["planned_to"]) == (utc(4, "10:15"), utc(4, "10:45"))
    assert agency.shown(second)["status_reason"] == "Daughter is there"
    assert agency.visits() == {utc(4, "10:15"): "planned", utc(3): "cancelled"}


@promise("visits are listed by day, care manager and patient")
def _(world):
    agency = Agency(world)
    other = agency.centre.json("patient", "add", "--name", "-", text="Ida Frei")["id"]
    agency.centre("user", "add", "ben", "--name", "Ben", "--role", "care-manager")
    agency.plan(at(1))
    agency.plan(at(5))
    agency.centre("visit", "plan", "--patient", other, "--user", "ben", "--at", at(1, "11:00"))
    listed = lambda *words: [row["planned_from"] for row in agency.centre.json("visit", "list", *words)]
    assert listed() == [utc(1), utc(1, "11:00"), utc(5)]
    assert listed("--user", "ben") == [utc(1, "11:00")]
    assert listed("--patient", agency.patient) == [utc(1), utc(5)]
    assert listed("--to", day(4)) == [utc(1), utc(1, "11:00")]
    assert listed("--from", day(2), "--to", day(5)) == [utc(5)]
    assert listed("--from", day(6)) == []
    assert "2026-11-23" in agency.centre.failure("visit", "list", "--from", "soon", code=2)["next"]


# --- repeating


@promise("a weekly visit is planned up to the horizon, comes to the tablet, and is never planned twice")
def _(world):
    agency = Agency(world)
    said = agency.centre("visit", "plan", "--patient", agency.patient, "--user", "ana", "--at", at(1), "--every", "week").out
    assert "every week at 08:30" in said and "8 more visits are planned" in said, said
    expected = [utc(after) for after in range(1, HORIZON + 1, 7)]
    assert agency.planned() == expected
    assert sorted(agency.on_tablet()) == expected
    history = agency.centre.read("SELECT count(*) FROM history")
    agency.centre.stop()
    agency.centre.start()
    agency.ana("sync")
    assert agency.planned() == expected
    assert agency.centre.read("SELECT count(*) FROM history") == history


@promise("a rule ends on its day or after its number of visits, and one that is none is refused with how to write it")
def _(world):
    agency = Agency(world)
    agency.plan(at(1), "--every", "2 days", "--until", day(6))
    assert agency.planned() == [utc(1), utc(3), utc(5)]
    agency.plan(at(2, "12:00"), "--every", "day", "--times", "2")
    assert agency.planned() == [utc(1), utc(2, "12:00"), utc(3), utc(3, "12:00"), utc(5)]
    for words in (("--every", "moon"), ("--until", day(3)), ("--every", "day", "--until", day(0)),
                  ("--every", "day", "--times", "0"), ("--every", "day", "--times", "2", "--until", day(4))):
        words = ("--patient", agency.patient, "--user", "ana", "--at", at(1), *words)
        assert agency.centre.failure("visit", "plan", *words, code=2)["safe"] == "Nothing was planned.", words
    assert len(agency.planned()) == 5


@promise("what a tablet plans to repeat is expanded by the centre alone, from the tablet's own first visit")
def _(world):
    agency = Agency(world)
    added = agency.ana("visit", "add", "--patient", agency.patient, "--at", at(1), "--minutes", "30", "--every", "week", "--times",
                       "3", "--purpose", "Wound care", "--json").json()
    assert len(agency.ana.json("visit", "list")) == 1
    assert agency.on_tablet() == {utc(1): "planned", utc(8): "planned", utc(15): "planned"}
    shown = agency.shown(added["id"])
    assert (shown["recurrence"], shown["series"]) == ("FREQ=WEEKLY;BYHOUR=8;BYMINUTE=30;COUNT=3", added["id"])
    later = agency.shown(agency.visit_on(day(8)))
    assert (later["series"], later["series_date"], later["purpose"]) == (added["id"], day(8), "Wound care")
    assert later["planned_to"] == utc(8, "09:00")
    assert "every week at 08:30, 3 times" in agency.ana("show", f"visit/{added['id']}").out
    assert "every week at 08:30, 3 times" in agency.centre("show", f"visit/{added['id']}").out


@promise("a rule that nobody understands leaves the visit as it stands, and both ends say that nothing is planned by it")
def _(world):
    agency = Agency(world)
    visit = str(uuid.uuid4())
    agency.ana("sql", f"INSERT INTO visit(id,patient,planned_from,status,recurrence) VALUES('{visit}','{agency.patient}',"
                      "4102444800000,'planned','RRULE:FREQ=YEARLY')")
    agency.ana("sync")
    assert agency.shown(visit)["recurrence"] == "RRULE:FREQ=YEARLY"
    for program in (agency.centre, agency.ana):
        assert "rule that is not followed: no more visits are planned" in program("show", f"visit/{visit}").out
    assert len(agency.visits()) == 1


@promise("a rule keeps the time of day of the agency's own zone")
def _(world):
    agency = Agency(world, zone="Europe/Zurich")
    first = datetime.date(TODAY.year, 12, 1) if TODAY.month < 6 else datetime.date(TODAY.year + 1, 12, 1)
    visit = agency.plan(f"{first}T08:30", "--every", "month", "--times", "2")["id"]
    assert agency.shown(visit)["planned_from"] == f"{first}T07:30:00Z"
    assert agency.shown(visit)["recurrence"] == "FREQ=MONTHLY;BYHOUR=8;BYMINUTE=30;COUNT=2"
    assert agency.shown(visit)["series_date"] == str(first)


@promise("one visit of a series is moved or cancelled without the others, and stays so")
def _(world):
    agency = Agency(world)
    agency.plan(at(1), "--every", "week", "--times", "4")
    agency.centre("visit", "move", agency.visit_on(day(8)), "--at", at(9, "10:00"))
    agency.centre("visit", "cancel", agency.visit_on(day(15)), "--reason", "Holiday")
    agency.ana("sync")
    agency.ana("visit", "move", agency.visit_on(day(22)), "--at", at(23))
    agency.ana("sync")
    assert agency.planned() == [utc(1), utc(9, "10:00"), utc(23)]
    agency.centre.stop()
    agency.centre.start()
    agency.ana("sync")
    assert agency.planned() == [utc(1), utc(9, "10:00"), utc(23)]


@promise("a visit is moved with those that follow it: the day and the time change from there on, and the number stays")
def _(world):
    agency = Agency(world)
    agency.plan(at(1), "--every", "week", "--times", "5")
    agency.centre("visit", "move", agency.visit_on(day(15)), "--at", at(16, "14:00"), "--following", "--as", "sue")
    expected = [utc(1), utc(8), utc(16, "14:00"), utc(23, "14:00"), utc(30, "14:00")]
    assert agency.planned() == expected
    # From the first visit on, all of them.
    agency.centre("visit", "move", agency.visit_on(day(1)), "--at", at(2, "09:00"), "--following")
    assert agency.planned() == [utc(2, "09:00"), utc(9, "09:00"), *expected[2:]]
    assert {when for when, status in agency.on_tablet().items() if status == "planned"} == set(agency.planned())
    alone = agency.plan(at(3))["id"]
    assert "no series" in agency.centre.failure("visit", "move", alone, "--at", at(4), "--following")["what"]


@promise("a visit is cancelled with those that follow it, at the centre and on the tablet")
def _(world):
    agency = Agency(world)
    head = agency.plan(at(1), "--every", "week")["id"]
    agency.centre("visit", "move", agency.visit_on(day(22)), "--at", at(23))
    cancelled = agency.centre.json("visit", "cancel", agency.visit_on(day(15)), "--reason", "Moved away", "--following")
    assert cancelled["following"] == "6", cancelled
    assert agency.planned() == [utc(1), utc(8)]
    assert agency.shown(head)["recurrence"].endswith(";UNTIL=" + day(14).replace("-", "")), agency.shown(head)
    agency.plan(at(1, "12:00"), "--every", "week", "--times", "4")
    agency.ana("sync")
    (second,) = [row["id"] for row in agency.ana.json("visit", "list") if row["planned_from"] == utc(8, "12:00")]
    agency.ana("visit", "cancel", second, "--reason", "Better", "--following")
    agency.ana("sync")
    assert agency.planned() == [utc(1), utc(1, "12:00"), utc(8)]
    assert {when for when, status in agency.on_tablet().items() if status == "planned"} == set(agency.planned())


@promise("a later visit that somebody moved singly goes along as it stands when the series is moved: one visit a date, and said so")
def _(world):
    agency = Agency(world)
    agency.plan(at(1), "--every", "week", "--times", "6")
    agency.ana("sync")
    alone, gone = agency.visit_on(day(22)), agency.visit_on(day(29))
    agency.centre("visit", "move", alone, "--at", at(23, "10:00"))
    agency.ana("visit", "cancel", gone, "--reason", "Holiday")
    agency.ana("sync")
    head = agency.visit_on(day(15))
    said = agency.centre("visit", "move", head, "--at", at(16, "14:00"), "--following", "--as", "sue").out
    assert "1 later visit that somebody had changed singly stays as it is" in said and f"visit/{alone}" in said, said
    assert "1 date whose visit had been cancelled or had begun" in said, said
    expected = [utc(1), utc(8), utc(16, "14:00"), utc(23, "10:00"), utc(37, "14:00")]
    assert agency.planned() == expected
    agency.centre.stop()
    agency.centre.start()
    agency.ana("sync")
    assert agency.planned() == expected == agency.planned_on_tablet()
    # It is of the new series, whatever becomes of that.
    assert (agency.shown(alone)["series"], agency.shown(alone)["series_date"]) == (head, day(23))
    moved = agency.centre.json("visit", "move", head, "--at", at(17, "15:00"), "--following")
    assert moved["kept"] == [alone], moved
    assert agency.planned() == [*expected[:2], utc(17, "15:00"), utc(23, "10:00"), utc(38, "15:00")]
    assert agency.centre.json("visit", "cancel", head, "--reason", "x", "--following")["following"] == "2"
    assert agency.planned() == expected[:2]
    agency.centre("verify")


@promise("a date past what is planned so far is not planned beside a visit that goes along with its series")
def _(world):
    agency = Agency(world)
    agency.plan(at(3), "--every", "week")
    alone = agency.visit_on(day(59))
    agency.centre("visit", "move", alone, "--at", at(58))
    agency.centre("visit", "move", agency.visit_on(day(10)), "--at", at(14), "--following")
    assert agency.shown(alone)["series_date"] == day(63)
    assert agency.planned()[-1] == utc(58)
    with agency.centre.reading() as read:
        assert read("SELECT count(*) FROM visit WHERE series_date=?", day(63)) == [(2,)]


@promise("cancelling what follows cancels visits that were moved singly too, on both ends, and says how many")
def _(world):
    agency = Agency(world)
    agency.plan(at(1), "--every", "week", "--times", "5")
    agency.centre("visit", "move", agency.visit_on(day(22)), "--at", at(14, "12:00"))
    said = agency.centre("visit", "cancel", agency.visit_on(day(15)), "--reason", "Moved away", "--following").out
    assert "So are 2 planned visits of its series that follow" in said and "1 of them had been moved singly" in said, said
    assert agency.planned() == [utc(1), utc(8)]
    agency.plan(at(1, "12:00"), "--every", "week", "--times", "4")
    agency.ana("sync")
    rows = {row["planned_from"]: row["id"] for row in agency.ana.json("visit", "list")}
    agency.ana("visit", "move", rows[utc(22, "12:00")], "--at", at(7, "09:00"))
    agency.ana("sync")
    said = agency.ana("visit", "cancel", rows[utc(8, "12:00")], "--reason", "Better", "--following").out
    assert "So are 2 planned visits of its series that follow" in said, said
    left = [utc(1), utc(1, "12:00"), utc(8)]
    assert agency.planned_on_tablet() == left
    agency.ana("sync")
    assert agency.planned() == left == agency.planned_on_tablet()
    assert agency.shown(rows[utc(22, "12:00")])["status_reason"] == "Better"
    assert agency.ana.json("held") == []


@promise("a visit that was cancelled is not cancelled again: both ends say that it was before, and that nothing changed")
def _(world):
    agency = Agency(world)
    visit = agency.plan(at(2))["id"]
    agency.centre("visit", "cancel", visit, "--reason", "In hospital")
    agency.ana("sync")
    for program in (agency.centre, agency.ana):
        said = program.failure("visit", "cancel", visit, "--reason", "Again")
        assert said["what"] == "This visit was cancelled before." and said["safe"] == "Nothing was changed.", said
        assert said["next"].startswith("It stays so"), said
    assert agency.shown(visit)["status_reason"] == "In hospital"
    said = agency.centre.failure("visit", "plan", "--patient", agency.patient, code=2)["what"]
    assert said == "The patient, the care manager or the time is missing.", said


@promise("a tablet that moved a visit says for when it is planned now")
def _(world):
    agency = Agency(world)
    visit = agency.plan(at(2), "--minutes", "30")["id"]
    agency.ana("sync")
    said = agency.ana("visit", "move", visit, "--at", at(3, "10:15")).out
    assert f"It is planned for {day(3)} 10:15" in said, said


@promise("a centre that serves fills by itself what is missing of a series")
def _(world):
    agency = Agency(world)
    agency.plan(at(1), "--every", "week", "--times", "3")
    agency.centre.stop()
    # What was never made, as far as the next start can tell.
    with sqlite3.connect(agency.centre.database) as database:
        (lost,) = database.execute("SELECT id FROM visit WHERE series_date=?", (day(15),)).fetchone()
        assert database.execute("DELETE FROM visit WHERE id=?", (lost,)).rowcount == 1
        assert database.execute("DELETE FROM record WHERE id=?", (uuid.UUID(lost).bytes,)).rowcount == 1
    assert agency.planned() == [utc(1), utc(8)]
    agency.centre.start()
    wait_until(lambda: agency.planned() == [utc(1), utc(8), utc(15)], "the series is whole again")


if __name__ == "__main__":
    run_all()
