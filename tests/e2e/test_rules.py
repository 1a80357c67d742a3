#!/usr/bin/python3
"""What becomes of two people's work on one record: every rule, decisions, held work, the end of an assignment.

Real processes over TLS. Expectations are those of the design, worked out by hand from who wrote what in which order.
"""
import sqlite3
import time
import uuid

from doorstep_e2e import promise, run_all, wait_until

APART_S = 1.5  # more than a measurement on loopback leaves in doubt


class Agency:
    """A centre, a patient, and the tablets of two care managers who both look after them."""

    def __init__(self, world):
        self.world, self.centre = world, world.centre()
        self.centre("user", "add", "sue", "--name", "Sue Lind", "--role", "supervisor")
        self.ana, self.ben = world.tablet(self.centre, "ana"), world.tablet(self.centre, "ben")
        self.patient = self.add_patient("Zoë Müller", "ana", "ben")
        self.exchange()

    def add_patient(self, name, *logins):
        before = {p["id"] for p in self.centre.json("patients")}
        self.centre("patient", "add", "--name", "-", text=name)
        patient = next(p["id"] for p in self.centre.json("patients") if p["id"] not in before)
        for login in logins:
            self.centre("assign", "--user", login, "--patient", patient)
        return patient

    def exchange(self):
        """Both until nobody has news for the other."""
        for tablet in (self.ana, self.ben, self.ana):
            tablet("sync")

    def create(self, tablet, kind, **fields):
        """A record, written in plain SQL on one tablet and known to all."""
        record = str(uuid.uuid4())
        values = {"id": record, "patient": self.patient, **fields}
        edit(tablet, "INSERT INTO %s(%s) VALUES(%s)" % (kind, ",".join(values), ",".join("?" * len(values))),
             *values.values())
        self.exchange()
        return record

    def at_centre(self, kind, record):
        return self.centre.json("show", f"{kind}/{record}")

    def history(self, kind, record, field):
        """(who, value, what became of it) of each change of the field, oldest first."""
        rows = self.centre.json("history", f"{kind}/{record}")
        return [(row["name"], row["value"], row["became"]) for row in rows if row["field"] == field]

    def conflicts(self):
        return self.centre.json("conflicts", "--open")

    def everywhere(self, kind, record, field):
        """The value at the centre, on Ana's tablet and on Ben's."""
        return [self.at_centre(kind, record)[field],
                *(tablet.json("show", f"{kind}/{record}")[field] for tablet in (self.ana, self.ben))]

    def assert_everywhere(self, kind, record, **fields):
        for field, value in fields.items():
            assert self.everywhere(kind, record, field) == [value] * 3, (field, self.everywhere(kind, record, field))


def edit(tablet, statement, *values):
    """By another program, with nothing but SQLite."""
    db = sqlite3.connect(tablet.replica, timeout=30)
    try:
        with db:
            db.execute(statement, values)
    finally:
        db.close()


def later():
    """Time passes, so that of two edits nobody can doubt which was first."""
    end = time.monotonic() + APART_S
    wait_until(lambda: time.monotonic() > end, "time passes")


def set_field(tablet, kind, record, **fields):
    tablet("set", f"{kind}/{record}", *[f"{field}={value}" for field, value in fields.items()])


def held_at(program):
    return [(row["reason"], row["what"], row["next"]) for row in program.json("held")]


# --- newest ------------------------------------------------------------


@promise("of an ordinary field the later edit stands though the earlier arrived first, and no conflict opens")
def _(world):
    it = Agency(world)
    set_field(it.ana, "patient", it.patient, phone="111")
    later()
    set_field(it.ben, "patient", it.patient, phone="222")
    it.exchange()
    it.assert_everywhere("patient", it.patient, phone="222")
    assert it.conflicts() == []


@promise("of an ordinary field the later edit stands though it arrived first; the earlier is kept in the history and shown")
def _(world):
    it = Agency(world)
    set_field(it.ana, "patient", it.patient, phone="111")
    later()
    set_field(it.ben, "patient", it.patient, phone="222")
    for tablet in (it.ben, it.ana, it.ben):
        tablet("sync")
    it.assert_everywhere("patient", it.patient, phone="222")
    assert it.conflicts() == []
    assert it.history("patient", it.patient, "phone") == [("Ben", "222", "accepted"), ("Ana", "111", "superseded")]
    lost = it.ana.json("show", f"patient/{it.patient}")["superseded"]
    assert [(one["group_name"], one["values"]) for one in lost] == [("phone", {"phone": "111"})], lost


@promise("where the measured times leave it in doubt which edit was later, the value at the centre stands")
def _(world):
    it = Agency(world)
    statement = "UPDATE patient SET phone = ? WHERE id = ?"
    edit(it.ana, statement, "111", it.patient)
    edit(it.ben, statement, "222", it.patient)
    it.exchange()
    rows = [row for row in it.centre.json("history", f"patient/{it.patient}") if row["field"] == "phone"]
    assert rows[0]["made_to"] >= rows[1]["made_from"], f"the two are further apart than this test can use: {rows}"
    assert [row["became"] for row in rows] == ["accepted", "superseded"], rows
    it.assert_everywhere("patient", it.patient, phone="111")
    assert it.conflicts() == []


@promise("changes to different groups of one record are no conflict: both stand")
def _(world):
    it = Agency(world)
    set_field(it.ana, "patient", it.patient, phone="111")
    set_field(it.ben, "patient", it.patient, entry_notes="The bell is broken, knock.", city="Wädenswil")
    it.exchange()
    it.assert_everywhere("patient", it.patient, phone="111", entry_notes="The bell is broken, knock.", city="Wädenswil")
    assert it.conflicts() == []


# --- text, set, progress, guarded ------------------------------------------------------------


@promise("of a text that both changed the words of both stand, and nobody is asked")
def _(world):
    it = Agency(world)
    note = it.create(it.ana, "note", observed="Walks with a stick.")
    it.ana("note", "edit", note, text="Walks with a stick. Denies pain.")
    later()
    it.ben("note", "edit", note, text="Walks with two sticks.")
    it.exchange()
    it.assert_everywhere("note", note, observed="Walks with two sticks. Denies pain.")
    assert it.history("note", note, "observed")[-1] == ("Ben", "Walks with two sticks.", "merged")
    assert it.conflicts() == []


@promise("of a sentence that both changed the centre's stands, the other is kept beside it, and a choice takes it alone")
def _(world):
    it = Agency(world)
    note = it.create(it.ana, "note", observed="Walks with a stick. Sleeps well.")
    it.ana("note", "edit", note, text="Walks with one stick. Sleeps well. Eats alone.")
    later()
    it.ben("note", "edit", note, text="Walks with two sticks. Sleeps well. Daughter present.")
    it.exchange()
    stands = "Walks with one stick. Sleeps well. Eats alone. Daughter present."
    other = stands.replace("one stick", "two sticks")
    it.assert_everywhere("note", note, observed=stands)
    conflicts = it.conflicts()
    assert [(c["record"], c["group_name"]) for c in conflicts] == [(note, "observed")], conflicts
    for tablet in (it.ana, it.ben):
        seen = tablet.json("conflicts")
        assert [c["id"] for c in seen] == [conflicts[0]["id"]], seen
        assert [one["values"]["observed"] for one in seen[0]["candidates"]] == [stands, other], seen
        assert "Walks with two sticks." in tablet("conflicts").out and other not in tablet("conflicts").out
    it.ana("note", "edit", note, text=stands + " Bathes alone.")
    it.exchange()
    it.ben("decide", conflicts[0]["id"], "--keep", "other")
    it.exchange()
    it.assert_everywhere("note", note, observed=other + " Bathes alone.")
    assert it.conflicts() == []


@promise("of a set both additions stand, and so does the removal of what was seen")
def _(world):
    it = Agency(world)
    plan = it.create(it.ana, "plan", title="Plan", category='["diet","sleep"]')
    set_field(it.ana, "plan", plan, category="diet, falls")
    set_field(it.ben, "plan", plan, category="diet, sleep, work")
    it.exchange()
    assert sorted(it.at_centre("plan", plan)["category"]) == ["diet", "falls", "work"]
    for tablet in (it.ana, it.ben):
        assert tablet.sql(f"SELECT category FROM plan WHERE id='{plan}'") == [['["diet","falls","work"]']]
    assert it.conflicts() == []


@promise("of a task's status done beats begun, whichever arrives first")
def _(world):
    it = Agency(world)
    for first, second in ((it.ana, it.ben), (it.ben, it.ana)):
        task = it.create(it.ana, "task", title="Fit the pill box", status="open")
        it.ana("task", "done", task, "--outcome", "Fitted")
        set_field(it.ben, "task", task, status="in-progress")
        for tablet in (first, second, first):
            tablet("sync")
        it.assert_everywhere("task", task, status="done", outcome="Fitted")
    assert it.conflicts() == []


@promise("two different endings of a task open a conflict")
def _(world):
    it = Agency(world)
    task = it.create(it.ana, "task", title="Fit the pill box", status="open")
    it.ana("task", "done", task)
    it.ben("task", "done", task, "--not-done", "Nobody at home")
    it.exchange()
    it.assert_everywhere("task", task, status="done", reason=None)
    assert [(c["record"], c["group_name"]) for c in it.conflicts()] == [(task, "status")]


@promise("a dose is never decided by the machine, however much later one edit was: the centre's stands, a conflict opens")
def _(world):
    it = Agency(world)
    medication = it.create(it.ana, "medication", name="Amlodipine", dose="5", unit="mg")
    set_field(it.ana, "medication", medication, dose="10")
    later()
    set_field(it.ben, "medication", medication, frequency="twice a day")
    it.exchange()
    it.assert_everywhere("medication", medication, dose="10", frequency=None)
    assert [(c["record"], c["group_name"]) for c in it.conflicts()] == [(medication, "record")]


@promise("what both wrote alike is no conflict")
def _(world):
    it = Agency(world)
    medication = it.create(it.ana, "medication", name="Amlodipine", dose="5", unit="mg")
    for tablet in (it.ana, it.ben):
        set_field(tablet, "medication", medication, dose="10")
    it.exchange()
    it.assert_everywhere("medication", medication, dose="10")
    assert it.conflicts() == []


@promise("a deletion never beats an edit, whichever arrives first")
def _(world):
    it = Agency(world)
    for first, second in ((it.ana, it.ben), (it.ben, it.ana)):
        task = it.create(it.ana, "task", title="Call the practice")
        edit(it.ana, "DELETE FROM task WHERE id = ?", task)
        set_field(it.ben, "task", task, notes="They call back on Monday.")
        for tablet in (first, second, first):
            tablet("sync")
        assert it.at_centre("task", task)["deleted"] is False
        it.assert_everywhere("task", task, title="Call the practice", notes="They call back on Monday.")


@promise("a deletion that nobody contradicts goes everywhere and stays in the history")
def _(world):
    it = Agency(world)
    task = it.create(it.ana, "task", title="Call the practice")
    edit(it.ana, "DELETE FROM task WHERE id = ?", task)
    it.exchange()
    assert it.ben.number(f"SELECT count(*) FROM task WHERE id='{task}'") == 0
    assert it.at_centre("task", task)["deleted"] is True
    assert it.history("task", task, "title") == [("Ana", "Call the practice", "accepted")]
    assert it.history("task", task, "deleted") == [("Ana", "true", "accepted")]


# --- decisions ------------------------------------------------------------


def two_doses(it):
    """A conflict about a dose: Ana's 10 stands, Ben wrote 2.5. Returns medication and conflict."""
    medication = it.create(it.ana, "medication", name="Amlodipine", dose="5", unit="mg")
    set_field(it.ana, "medication", medication, dose="10")
    set_field(it.ben, "medication", medication, dose="2.5")
    it.exchange()
    return medication, it.conflicts()[0]["id"]


@promise("a conflict decided on a tablet without signal is closed everywhere once the decision arrives")
def _(world):
    it = Agency(world)
    medication, conflict = two_doses(it)
    it.centre.stop()
    it.ana("decide", conflict, "--keep", "other")
    it.ana("sync", code=1)
    assert it.ana.json("conflicts")[0]["decided"] is True
    it.centre.start()
    it.exchange()
    it.assert_everywhere("medication", medication, dose="2.5")
    assert it.conflicts() == [] and it.ana.json("conflicts") == [] and it.ben.json("conflicts") == []
    assert it.history("medication", medication, "dose")[-1][:2] == ("Ana", "2.5")


@promise("a conflict decided at the centre, by a value of the supervisor's own, is closed everywhere under their name")
def _(world):
    it = Agency(world)
    medication, conflict = two_doses(it)
    it.centre("decide", f"conflict/{conflict}", "--value", "dose=7.5", "--as", "sue")
    it.exchange()
    it.assert_everywhere("medication", medication, dose="7.5", name="Amlodipine")
    assert it.conflicts() == [] and it.ana.json("conflicts") == [] and it.ben.json("conflicts") == []
    assert it.history("medication", medication, "dose")[-1] == ("Sue Lind", "7.5", "accepted")
    assert it.centre.failure("decide", conflict, "--keep", "current")["what"] == "This conflict is decided already."


@promise("when two people decide one conflict, the first decision stands; the second is told so and kept in the history")
def _(world):
    it = Agency(world)
    medication, conflict = two_doses(it)
    it.ana("decide", conflict, "--keep", "1")
    it.ben("decide", conflict, "--keep", "2")
    it.ana("sync")
    assert it.ben.json("sync")["superseded"] == "1"
    it.exchange()
    it.assert_everywhere("medication", medication, dose="10")
    assert it.conflicts() == []
    decisions = it.history("conflict", conflict, "decision")
    assert [(who, '"choice":2' in value, became) for who, value, became in decisions] == \
        [("Ana", False, "accepted"), ("Ben", True, "superseded")], decisions


@promise("a decision by somebody who had not seen what stands now decides nothing: the conflict stays open, with it")
def _(world):
    it = Agency(world)
    medication, conflict = two_doses(it)
    it.ben("decide", conflict, "--keep", "2")
    set_field(it.ana, "medication", medication, dose="12")
    it.exchange()
    it.ben("sync")
    it.assert_everywhere("medication", medication, dose="12")
    open_now = it.conflicts()
    assert [c["id"] for c in open_now] == [conflict], open_now
    assert len(it.ben.json("conflicts")[0]["candidates"]) == 3
    it.centre("decide", conflict, "--value", "dose=2.5", "--as", "sue")
    it.exchange()
    it.assert_everywhere("medication", medication, dose="2.5")
    assert it.conflicts() == []


@promise("an edit that had not seen a decision does not replace it, though its rule would have it win")
def _(world):
    it = Agency(world)
    task = it.create(it.ana, "task", title="Fit the pill box", status="open")
    it.ana("task", "done", task)
    it.ben("task", "done", task, "--not-done", "Nobody at home")
    it.exchange()
    it.centre("decide", it.conflicts()[0]["id"], "--value", "status=open", "--value", "completed_at=", "--as", "sue")
    later()
    it.ana("task", "done", task, "--outcome", "Fitted, says Ana again")
    it.exchange()
    it.assert_everywhere("task", task, status="open", outcome=None)
    assert [(c["record"], c["group_name"]) for c in it.conflicts()] == [(task, "status")]


# --- held, unassigned ------------------------------------------------------------


@promise("what may not be applied is held with its reason and next step on both sides, and blocks nothing else")
def _(world):
    it = Agency(world)
    it.centre("unassign", "--user", "ben", "--patient", it.patient)
    other = it.add_patient("Mei Tanaka", "ben")
    it.ben("sync")
    set_field(it.ben, "patient", it.patient, phone="333")
    set_field(it.ben, "patient", other, phone="444")
    it.ben("sync")
    assert it.at_centre("patient", it.patient)["phone"] is None
    assert it.at_centre("patient", other)["phone"] == "444"
    for program in (it.ben, it.centre):
        held = held_at(program)
        assert len(held) == 1 and all(held[0]), (program.name, held)
    status = it.ben.json("status")
    assert (status["held"], status["needs_attention"], status["saved"]) == ("1", "1", "0"), status
    assert it.ben.sql(f"SELECT phone FROM patient WHERE id='{it.patient}'") == [["333"]], "what was typed stays in the row"


@promise("a held change that the supervisor accepts stands as its author's, and the tablet learns it")
def _(world):
    it = Agency(world)
    it.centre("unassign", "--user", "ben", "--patient", it.patient)
    it.ben("sync")
    set_field(it.ben, "patient", it.patient, phone="333")
    it.ben("sync")
    held = it.centre.json("held")
    it.centre("held", "accept", held[0]["id"], "--as", "sue")
    it.exchange()
    assert it.at_centre("patient", it.patient)["phone"] == "333"
    assert it.history("patient", it.patient, "phone")[-1] == ("Ben", "333", "accepted")
    assert it.ana.json("show", f"patient/{it.patient}")["phone"] == "333"
    assert it.ben.json("held") == [] and it.centre.json("held") == []
    assert it.ben.json("status")["needs_attention"] == "0"


@promise("a held change that is given back waits on its author's tablet, one command away from being used again")
def _(world):
    it = Agency(world)
    missing = str(uuid.uuid4())
    record = it.create(it.ben, "observation", code="8480-6", value="138", visit=missing)
    held = it.centre.json("held")
    assert [row["record"] for row in held] == [f"observation/{record}"], held
    it.centre("held", "return", held[0]["id"], "--as", "sue")
    it.ben("sync")
    returned = it.ben.json("held")
    assert [row["state"] for row in returned] == ["returned"], returned
    assert it.ben.json("status")["returned"] == "1"
    it.ben("held", "reuse", returned[0]["n"])
    edit(it.ben, "UPDATE observation SET visit = NULL WHERE id = ?", record)
    it.exchange()
    it.assert_everywhere("observation", record, value="138", visit=None)
    assert it.ben.json("held") == [] and it.centre.json("held") == []


@promise("what waits for a record is taken in by itself when that arrives")
def _(world):
    it = Agency(world)
    visit = str(uuid.uuid4())
    record = it.create(it.ben, "observation", code="8480-6", value="138", visit=visit)
    assert len(it.centre.json("held")) == 1
    edit(it.ana, "INSERT INTO visit(id, patient, purpose) VALUES(?, ?, 'Home visit')", visit, it.patient)
    it.exchange()
    it.ben("sync")
    it.assert_everywhere("observation", record, value="138", visit=visit)
    assert it.centre.json("held") == [] and it.ben.json("held") == []


@promise("after an assignment ends nothing more goes down, and what is on the tablet stays and says so")
def _(world):
    it = Agency(world)
    task = it.create(it.ana, "task", title="Fit the pill box")
    it.centre("unassign", "--user", "ben", "--patient", it.patient)
    it.ana("note", "add", "--patient", it.patient, text="Written after Ben had left.")
    set_field(it.ana, "task", task, title="Fit the new pill box")
    it.exchange()
    it.ben("sync")
    assert it.ben.sql("SELECT count(*) FROM note") == [["0"]]
    assert it.ben.json("show", f"task/{task}")["title"] == "Fit the pill box"
    assert it.ben.json("patients")[0]["state"] == "left"
    assert "no longer in your caseload" in it.ben("show", f"task/{task}").out
    assert it.ben.json("status")["patients_left"] == "1"
    replica = b"".join(path.read_bytes() for path in it.ben.folder.iterdir() if path.name.startswith("replica.db"))
    assert b"Written after Ben" not in replica and b"new pill box" not in replica


@promise("who is assigned again gets what was missed, and what was held meanwhile is taken in")
def _(world):
    it = Agency(world)
    it.centre("unassign", "--user", "ben", "--patient", it.patient)
    it.ben("sync")
    it.ben("note", "add", "--patient", it.patient, text="Ben's, while away.")
    it.ana("note", "add", "--patient", it.patient, text="Ana's, meanwhile.")
    it.exchange()
    assert len(it.centre.json("held")) == 1
    it.centre("assign", "--user", "ben", "--patient", it.patient)
    it.exchange()
    it.ben("sync")
    for tablet in (it.ana, it.ben):
        assert sorted(tablet.sql("SELECT observed FROM note")) == [["Ana's, meanwhile."], ["Ben's, while away."]]
    assert it.centre.json("held") == [] and it.ben.json("held") == []
    assert it.ben.json("patients")[0]["state"] == "complete"


if __name__ == "__main__":
    run_all()
