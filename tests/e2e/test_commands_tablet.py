"""What the commands of doorstep promise, with a real centre behind them where they need one."""
import datetime
import json
import pathlib
import sqlite3

from doorstep_e2e import Skip, promise, run_all

NOWHERE = "00000000-0000-4000-8000-0000000000ff"


def setting(world, patients=1, logins=("ana",), zone="UTC"):
    """A centre with patients and a tablet each for these care managers, who all have all of them; all synced."""
    centre = world.centre()
    ids = [centre.json("patient", "add", "--name", "-", text=f"Patient {i}\n")["id"] for i in range(patients)]
    tablets = [world.tablet(centre, login) for login in logins]
    for login in logins:
        centre("assign", "--user", login, *(word for one in ids for word in ("--patient", one)))
    for tablet in tablets:
        tablet("sync")
    return centre, ids, tablets


def write_note(tablet, patient, text, *more):
    return tablet.json("note", "add", "--patient", patient, *more, text=text)


def conflicting_medication(world):
    """Two care managers change the same dose without signal; returns (centre, ana, ben, medication)."""
    centre, (patient,), (ana, ben) = setting(world, logins=("ana", "ben"))
    medication = "01900000-0000-7000-8000-000000000001"
    ana("sql", f"INSERT INTO medication(id,patient,name,dose) VALUES('{medication}','{patient}','Metformin','500')")
    ana("sync")
    ben("sync")
    ana("set", f"medication/{medication}", "dose=850")
    ben("set", f"medication/{medication}", "dose=1000")
    ana("sync")
    ben("sync")
    return centre, ana, ben, medication


# --- before and at enrolment


@promise("before enrolment every command says what to do, and the folder stays unmade")
def _(world):
    from doorstep_e2e import Tablet

    tablet = Tablet(world, world.folder / "tablet-new")
    for words in (["status"], ["today"], ["patients"], ["sync"], ["sql", "SELECT 1"]):
        failure = tablet.failure(*words)
        assert "doorstep enrol" in failure["next"], failure
        assert not tablet.folder.exists()


@promise("enrolment asks for the code where none is given, and says whose tablet it now is")
def _(world):
    from doorstep_e2e import Tablet

    centre = world.centre(name="Riverside")
    centre("user", "add", "ana", "--name", "Ana Ruiz", "--role", "care-manager")
    tablet = Tablet(world, world.folder / "tablet-ana")
    owner = tablet.json("enrol", centre.url, text=centre.code("ana") + "\n")
    assert (owner["owner_name"], owner["owner_login"], owner["agency"]) == ("Ana Ruiz", "ana", "Riverside"), owner
    assert tablet.json("status")["owner_name"] == "Ana Ruiz"
    failure = tablet.failure("enrol", centre.url, text=centre.code("ana") + "\n")
    assert failure["what"], failure


@promise("a code that is none is refused and leaves no replica")
def _(world):
    from doorstep_e2e import Tablet

    centre = world.centre()
    tablet = Tablet(world, world.folder / "tablet-x")
    for code in ("", "hello\n", "0000-0000-0000-0000-0000-0000-0000-0000\n"):
        failure = tablet.failure("enrol", centre.url, "-", text=code)
        assert failure["what"] and failure["next"], failure
    tablet.failure("status")


# --- writing without signal


@promise("what is written while no centre is there is saved, counted, shown, and arrives later")
def _(world):
    centre, (patient,), (ana,) = setting(world)
    centre.stop()
    note = write_note(ana, patient, "Walks unaided.\nTwo steps.\n")
    assert note["travel"] == "Saved on this tablet"
    shown = ana.json("show", f"note/{note['id']}")
    assert shown["observed"] == "Walks unaided.\nTwo steps."
    assert (shown["travel"], shown["status"], shown["patient"]) == ("Saved on this tablet", "draft", patient)
    status = ana.json("status")
    assert (status["saved"], status["pending"]) == ("1", "1"), status
    assert "synced" not in ana("status").out.lower()
    failure = ana.failure("sync")
    assert "saved on this tablet" in failure["safe"].lower(), failure
    after = ana.json("status")
    assert after["last_failure"] == failure["what"] and after["last_down"] == status["last_down"], after
    centre.start()
    report = ana.json("sync")
    assert (report["sent"], report["accepted"], report["pending"]) == ("1", "1", "0"), report
    assert ana.json("show", f"note/{note['id']}")["travel"] == "Received"
    assert centre.json("show", f"note/{note['id']}")["observed"] == "Walks unaided.\nTwo steps."
    assert ana.json("status")["last_failure"] is None


@promise("sync tells the bytes, requests and seconds it cost, and a second one has nothing to send")
def _(world):
    _, (patient,), (ana,) = setting(world)
    write_note(ana, patient, "One.\n")
    report = ana.json("sync")
    assert int(report["bytes_up"]) > 100 and int(report["bytes_down"]) > 100, report
    assert int(report["requests"]) >= 1 and int(report["elapsed_ms"]) >= 0
    again = ana.json("sync")
    assert again["sent"] == "0" and again["pending"] == "0"
    text = ana("sync").out
    assert "bytes up" in text and "request" in text and text.strip().endswith("has reached the centre."), text


@promise("a section takes its own text, and an edit of one leaves the others as they are")
def _(world):
    _, (patient,), (ana,) = setting(world)
    plan = world.folder / "plan.txt"
    plan.write_text("Call the pharmacy.\n", encoding="utf-8")
    note = write_note(ana, patient, "Why: fever.\n", "--section", "reason", "--section", f"plan=@{plan}")["id"]
    shown = ana.json("show", f"note/{note}")
    assert (shown["reason"], shown["plan"], shown["observed"]) == ("Why: fever.", "Call the pharmacy.", None), shown
    ana("note", "edit", note, "--section", "plan", "--file", "/dev/stdin", text="Call tomorrow.\n")
    edited = ana.json("show", f"note/{note}")
    assert (edited["reason"], edited["plan"]) == ("Why: fever.", "Call tomorrow."), edited
    assert int(edited["version"]) > int(shown["version"])
    failure = ana.failure("note", "edit", note, "--section", "status", text="signed\n")
    assert "section" in failure["what"], failure
    ana.failure("note", "add", "--patient", patient, "--section", "plan", "--section", "done", code=2, text="x\n")


@promise("an edit that names the version it was shown does not overwrite what arrived meanwhile in silence")
def _(world):
    centre, (patient,), (ana, ben) = setting(world, logins=("ana", "ben"))
    note = write_note(ana, patient, "First.\n")["id"]
    ana("sync")
    ben("sync")
    shown = ben.json("show", f"note/{note}")["version"]
    ana("note", "edit", note, text="First, by Ana.\n")
    ana("sync")
    ben("sync")
    ben("note", "edit", note, "--shown", shown, text="First, by Ben.\n")
    ben("sync")
    assert len(ben.json("conflicts")) == 1
    assert centre.json("show", f"note/{note}")["observed"] == "First, by Ana."


@promise("tasks are listed by when they are due, finished with what came of them, and not done with a reason")
def _(world):
    centre, (patient,), (ana,) = setting(world)
    late = ana.json("task", "add", "-", "--patient", patient, "--due", "2031-01-02T10:00Z", text="Later\n")["id"]
    soon = ana.json("task", "add", "Soon", "--patient", patient, "--due", "2030-01-02T10:00Z", "--priority", "high")["id"]
    assert [task["id"] for task in ana.json("task", "list")] == [soon, late]
    ana("task", "done", soon, "--outcome", "Spoke to Dr Lee")
    ana("task", "done", late, "--not-done", "Moved away")
    assert ana.json("task", "list") == []
    assert {task["status"] for task in ana.json("task", "list", "--all", "--patient", patient)} == {"done", "not-done"}
    ana("sync")
    shown = centre.json("show", f"task/{soon}")
    assert (shown["status"], shown["outcome"]) == ("done", "Spoke to Dr Lee"), shown


@promise("a visit is planned, begun and ended once each; what was taken is never taken anew")
def _(world):
    _, (patient,), (ana,) = setting(world)
    visit = ana.json("visit", "add", "--patient", patient, "--at", "2031-01-02T10:00Z", "--minutes", "45")["id"]
    assert ana.json("show", f"visit/{visit}")["planned_to"] == "2031-01-02T10:45:00Z"
    assert "not checked in" in ana.failure("visit", "out", visit)["what"]
    ana("visit", "in", visit, "--position", "47.37,8.54", "--accuracy", "12")
    begun = ana.json("show", f"visit/{visit}")
    assert (begun["status"], begun["check_in_position"], begun["check_in_accuracy"]) == ("in-progress", "47.37,8.54", "12")
    assert "checked in before" in ana.failure("visit", "in", visit)["what"]
    ana("visit", "out", visit, "--outcome", "hospital", "--reason", "Fell")
    ended = ana.json("show", f"visit/{visit}")
    assert (ended["status"], ended["outcome"], ended["outcome_reason"]) == ("done", "hospital", "Fell"), ended
    assert ended["check_in_time"] == begun["check_in_time"] <= ended["check_out_time"]
    assert "checked out before" in ana.failure("visit", "out", visit)["what"]
    assert ana.json("visit", "list") == [] and len(ana.json("visit", "list", "--all")) == 1


@promise("today shows each visit of the day with risks and allergies, and no other day's")
def _(world):
    _, (patient,), (ana,) = setting(world)
    noon = datetime.datetime.now(datetime.timezone.utc).replace(hour=12, minute=0, second=0, microsecond=0)
    today = ana.json("visit", "add", "--patient", patient, "--at", noon.isoformat(), "--purpose", "Monthly")["id"]
    for days in (-1, 1):
        ana("visit", "add", "--patient", patient, "--at", (noon + datetime.timedelta(days=days)).isoformat())
    ana("sql", f"INSERT INTO risk(patient,type,instruction) VALUES('{patient}','Dog','Ring first')")
    ana("sql", f"INSERT INTO risk(patient,type,status) VALUES('{patient}','Old risk','inactive')")
    ana("sql", f"INSERT INTO allergy(patient,substance,reaction) VALUES('{patient}','Penicillin','rash')")
    rows = ana.json("today")
    assert [row["visit"] for row in rows] == [today], rows
    assert (rows[0]["risks"], rows[0]["allergies"]) == ("Dog: Ring first", "Penicillin (rash)"), rows
    text = ana("today").out
    assert "Risk: Dog: Ring first" in text and "Allergy: Penicillin (rash)" in text and "Old risk" not in text, text


@promise("a patient made on a tablet stays its author's after a sync, and the list says how each stands")
def _(world):
    centre, (patient,), (ana,) = setting(world)
    mine = ana.json("patient", "add", "--name", "-", "phone=555 0101", text="Zoë Ünal\n")["id"]
    states = {row["id"]: row["state"] for row in ana.json("patients")}
    assert states == {patient: "complete", mine: "new"}, states
    ana("sync")
    ana("sync")
    assert {row["id"] for row in centre.json("patients", "--user", "ana")} == {patient, mine}
    centre("unassign", "--user", "ana", "--patient", patient)
    ana("sync")
    states = {row["id"]: row["state"] for row in ana.json("patients")}
    assert states[patient] == "left", states
    assert "no longer" in ana("patients").out and "no longer in your caseload" in ana("show", f"patient/{patient}").out


# --- refusals


@promise("a statement that would change the database's shape or its bookkeeping is refused, and nothing is lost")
def _(world):
    _, (patient,), (ana,) = setting(world)
    note = write_note(ana, patient, "Kept.")["id"]
    (trigger,), *_ = ana.read("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='note'")
    for statement in ("DROP TABLE note", "ALTER TABLE note ADD COLUMN x", "CREATE TABLE x(y)", "DELETE FROM ds_journal",
                      "INSERT INTO ds_applying VALUES(1,1)", "UPDATE ds_meta SET value=0", f"DROP TRIGGER {trigger}", "BEGIN",
                      "ATTACH 'x' AS y", "PRAGMA writable_schema=1", "PRAGMA recursive_triggers=0"):
        assert "more than read or write records" in ana.failure("sql", statement)["what"], statement
    assert ana("sql", f"SELECT observed FROM note WHERE id='{note}'").out == "Kept.\n"
    assert len(ana.json("sql", "SELECT * FROM outbox")) > 0
    assert len(ana.json("sql", "PRAGMA table_info(note)")) > 3
    assert ana("sql", """SELECT group_concat(value) FROM json_each('["a","b"]')""").out == "a,b\n"
    assert ana("sync").out.startswith("Sent 1 change"), "the note did not travel"


@promise("a time is taken and shown in the agency's zone as it is on that day, in summer and in winter")
def _(world):
    if not pathlib.Path("/usr/share/zoneinfo/Europe/Zurich").exists():
        raise Skip("/usr/share/zoneinfo/Europe/Zurich")
    centre = world.centre(options=("--zone", "Europe/Zurich"))
    patient = centre.json("patient", "add", "--name", "-", text="Mara\n")["id"]
    ana = world.tablet(centre, "ana")
    centre("assign", "--user", "ana", "--patient", patient)
    ana("sync")
    for typed, meant in (("2027-01-15T09:30", "2027-01-15T08:30:00Z"), ("2027-07-15T09:30", "2027-07-15T07:30:00Z"),
                         ("2027-07-15T09:30Z", "2027-07-15T09:30:00Z")):
        visit = ana.json("visit", "add", "--patient", patient, "--at", typed)["id"]
        assert ana.json("show", f"visit/{visit}")["planned_from"] == meant, typed
    shown = ana("visit", "list").out
    assert "2027-01-15 09:30" in shown and "2027-07-15 09:30" in shown and "2027-07-15 11:30" in shown, shown


@promise("a visit to a patient who has left the caseload says so in today's list")
def _(world):
    centre, (patient,), (ana,) = setting(world)
    now = datetime.datetime.now(datetime.timezone.utc)
    ana("visit", "add", "--patient", patient, "--at", now.strftime("%Y-%m-%dT12:00"))
    assert "No longer in your caseload" not in ana("today").out
    centre("unassign", "--user", "ana", "--patient", patient)
    ana("sync")
    assert "No longer in your caseload" in ana("today").out
    assert [row["caseload"] for row in ana.json("today")] == ["left"]


@promise("a value of this tablet that lost and stands again is no longer told as lost")
def _(world):
    centre, ana, ben, medication = conflicting_medication(world)
    record = f"medication/{medication}"
    assert "another value stands" in ben("show", record).out
    conflict, = centre.json("conflicts", "--open")
    centre("decide", conflict["id"], "--keep", "other")
    ben("sync")
    assert "another value stands" not in ben("show", record).out
    assert ben.json("show", record)["superseded"] == []


@promise("a value that a field can't hold is refused with what it takes, and nothing is changed")
def _(world):
    _, (patient,), (ana,) = setting(world)
    before = ana.json("show", f"patient/{patient}")
    for field, hint in (("gender=blue", "female"), ("birth_date=2026-02-30", "date"), ("interpreter=perhaps", "yes or no"),
                        ("photo=none", "id"), ("shoe_size=43", "fields"), ("phone=" + "5" * 65, "shorter")):
        failure = ana.failure("set", f"patient/{patient}", "language=de", field)
        assert hint in failure["next"], (field, failure)
    for words in (["set", f"worker/{NOWHERE}", "name=x"], ["set", f"patient/{NOWHERE}", "phone=1"],
                  ["set", "shoe/1", "size=1"], ["show", f"note/{patient}"], ["set", "patient", "phone=1"]):
        assert ana.failure(*words)["what"], words
    assert ana.json("show", f"patient/{patient}") == before
    ana.failure("note", "add", code=2, text="x\n")
    assert "no text" in ana.failure("note", "add", "--patient", patient, code=2, text="")["what"]
    assert ana.json("status")["saved"] == "0"


@promise("a change for a patient who is no longer the author's says so, is held, and is listed with what to do")
def _(world):
    centre, (patient,), (ana,) = setting(world)
    centre("unassign", "--user", "ana", "--patient", patient)
    ana("sync")
    assert "will hold" in ana("set", f"patient/{patient}", "phone=555 0199").out
    assert ana.json("sync")["held"] == "1"
    held, = ana.json("held")
    assert (held["state"], held["record"], held["reason"]) == ("held", patient, "not-yours"), held
    assert held["what"] and held["next"]
    assert ana.json("status")["needs_attention"] == "1"
    number, = (row["id"] for row in centre.json("held"))
    centre("held", "return", number)
    ana("sync")
    back, = ana.json("held")
    assert back["state"] == "returned" and f"held reuse {back['n']}" in back["next"], back
    centre("assign", "--user", "ana", "--patient", patient)
    ana("sync")
    assert ana.json("show", f"patient/{patient}")["phone"] is None
    ana("held", "reuse", back["n"])
    assert ana.json("held") == []
    ana("sync")
    assert centre.json("show", f"patient/{patient}")["phone"] == "555 0199"
    assert ana.failure("held", "reuse", back["n"])["what"]


@promise("what a field has no room for, written by another program, needs attention and holds nothing else up")
def _(world):
    _, (patient,), (ana,) = setting(world)
    ana("sql", "-", text=f"UPDATE patient SET phone='{'5' * 100}', language='de' WHERE id='{patient}'\n")
    report = ana.json("sync")
    assert report["accepted"] == "1", report
    item, = ana.json("held")
    assert (item["state"], item["reason"], item["n"]) == ("attention", "too-long", None), item
    assert ana.json("show", f"patient/{patient}")["travel"] == "Needs attention"
    ana("set", f"patient/{patient}", "phone=555")
    ana("sync")
    assert ana.json("held") == []


@promise("what was deleted before it could be sent is listed with the command that brings it back to be corrected")
def _(world):
    centre, (patient,), (ana,) = setting(world)
    task = "01900000-0000-7000-8000-000000000002"
    ana("sql", "-", text=f"INSERT INTO task(id,patient,title,priority) VALUES('{task}','{patient}','Walk','enormous')\n")
    ana("sql", f"DELETE FROM task WHERE id='{task}'")
    ana("sync")
    item, = ana.json("held")
    assert item["state"] == "attention" and f"held reuse task/{task}" in item["next"], item
    ana("held", "reuse", f"task/{task}")
    assert ana.failure("held", "reuse", f"task/{task}")["what"]
    ana("set", f"task/{task}", "priority=high")
    ana("sync")
    assert ana.json("held") == []
    assert centre.json("show", f"task/{task}")["title"] == "Walk"


def at_the_centre(centre, statement):
    with sqlite3.connect(centre.folder / "agency.db") as database:
        database.execute(statement)
    database.close()


@promise("a record that this version can't read stops nothing that goes up, and status says what to do")
def _(world):
    centre, (patient,), (ana,) = setting(world)
    at_the_centre(centre, "UPDATE patient SET gender = 'blue'")
    ana.sql("UPDATE ds_meta SET value = x'' WHERE key = 'cursor'")
    for text in ("One\n", "Two\n"):
        note = write_note(ana, patient, text)["id"]
        failure = ana.failure("sync")
        assert "can't read" in failure["what"] and "newer version" in failure["next"], failure
        assert centre.json("show", f"note/{note}")["id"] == note
    status = ana.json("status")
    assert status["pending"] == "0" and "can't read" in status["last_failure"], status
    assert any("can't read" in one["what"] for one in status["notices"]), status
    at_the_centre(centre, "UPDATE patient SET gender = NULL")
    ana("sync")
    assert not ana.json("status")["last_failure"]


# --- conflicts


@promise("show and conflicts name what stands and what lost, with who and when")
def _(world):
    _, ana, ben, medication = conflicting_medication(world)
    for tablet in (ana, ben):
        tablet("sync")
        conflict, = tablet.json("conflicts")
        assert (conflict["record"], conflict["record_kind"], conflict["group_name"]) == (medication, "medication", "record")
        assert [one["values"]["dose"] for one in conflict["candidates"]] == ["850", "1000"], conflict
        assert [one["name"] for one in conflict["candidates"]] == ["Ana", "Ben"], conflict
        assert tablet.json("show", f"medication/{medication}")["conflicts"][0]["id"] == conflict["id"]
    lost, = ben.json("show", f"medication/{medication}")["superseded"]
    assert lost["values"]["dose"] == "1000", lost
    assert ana.json("show", f"medication/{medication}")["superseded"] == []
    text = ben("show", f"medication/{medication}").out
    assert "Conflict" in text and "Ana" in text and "kept in the history" in text, text


def decided(world, words, expected):
    centre, ana, ben, medication = conflicting_medication(world)
    ana("sync")
    conflict = ana.json("conflicts")[0]["id"]
    ana("decide", conflict, *words)
    assert ana.json("conflicts")[0]["decided"] is True
    ana("sync")
    ben("sync")
    assert ana.json("conflicts") == [] and ben.json("conflicts") == [] and centre.json("conflicts", "--open") == []
    for holder in (ana, ben, centre):
        shown = holder.json("show", f"medication/{medication}")
        assert (shown["dose"], shown["name"]) == (expected, "Metformin"), shown
    assert "decided" in ana.failure("decide", conflict, *words)["what"]


@promise("to keep the current value closes the conflict for everybody")
def _(world):
    decided(world, ["--keep", "current"], "850")


@promise("to keep the other value makes it stand for everybody")
def _(world):
    decided(world, ["--keep", "other"], "1000")


@promise("a candidate can be chosen by its number")
def _(world):
    decided(world, ["--keep", "2"], "1000")


@promise("a value of one's own can be decided, and the rest of the group stays")
def _(world):
    decided(world, ["--value", "dose=750"], "750")


@promise("a decision that says nothing that can be chosen is refused, and the conflict stays open")
def _(world):
    _, ana, _, _ = conflicting_medication(world)
    ana("sync")
    conflict = ana.json("conflicts")[0]["id"]
    ana.failure("decide", conflict, code=2)
    ana.failure("decide", conflict, "--keep", "current", "--value", "dose=1", code=2)
    ana.failure("decide", conflict, "--keep", "both", code=2)
    ana.failure("decide", conflict, "--value", "750", code=2)
    assert "candidate" in ana.failure("decide", conflict, "--keep", "9")["what"]
    assert ana.json("conflicts")[0]["decided"] is False


@promise("a decision taken before newer values arrived does not replace them: the conflict stays open")
def _(world):
    centre, ana, ben, medication = conflicting_medication(world)
    ana("sync")
    conflict = ana.json("conflicts")[0]["id"]
    ben("set", f"medication/{medication}", "dose=900")
    ben("sync")
    ana("decide", conflict, "--keep", "2")
    ana("sync")
    assert centre.json("show", f"medication/{medication}")["dose"] != "1000"
    assert len(centre.json("conflicts", "--open")) == 1


# --- sql, run, verify


@promise("sql runs one statement as any program would, and refuses several")
def _(world):
    centre, (patient,), (ana,) = setting(world)
    rows = ana.json("sql", "SELECT id, name, 9007199254740993 AS big, NULL AS none, x'00ff' AS bytes FROM patient; -- end")
    assert rows == [{"id": patient, "name": "Patient 0", "big": "9007199254740993", "none": None, "bytes": "00ff"}], rows
    assert ana("sql", "SELECT name, 1 FROM patient").out == "Patient 0|1\n"
    for statement in ("SELECT 1; SELECT 2", "", "/* nothing */", "SELECT 1; broken"):
        ana.failure("sql", statement, code=2)
    assert "syntax" in ana.failure("sql", "SELEC 1")["what"]
    assert "never change" in ana.failure("sql", "UPDATE patient SET id='00000000-0000-4000-8000-0000000000ff'")["what"]
    file = world.folder / "statement.sql"
    file.write_text(f"UPDATE patient SET phone='555 0123' WHERE id='{patient}' RETURNING phone", encoding="utf-8")
    assert ana.json("sql", f"@{file}") == [{"phone": "555 0123"}]
    ana("sync")
    assert centre.json("show", f"patient/{patient}")["phone"] == "555 0123"


@promise("verify proves the journal against the newest receipt, and names a journal that was altered")
def _(world):
    _, (patient,), (ana,) = setting(world)
    write_note(ana, patient, "One.\n")
    ana("sync")
    proof = ana.json("verify")
    assert (proof["changes"], proof["proven_n"]) == ("1", "1"), proof
    ana.sql("UPDATE ds_journal SET body=zeroblob(length(body)) WHERE n=1")
    failure = ana.failure("verify")
    assert failure["what"] and failure["next"], failure


@promise("sync works beside a running doorstep run, and run sends by itself what is written")
def _(world):
    from doorstep_e2e import wait_until

    centre, (patient,), (ana,) = setting(world)
    ana.start()
    wait_until(lambda: "agent synced" in ana.log(), "run has exchanged once")
    ana("set", f"patient/{patient}", "phone=555 0145")
    ana("sync")
    assert centre.json("show", f"patient/{patient}")["phone"] == "555 0145"
    ana("set", f"patient/{patient}", "phone=555 0146")
    wait_until(lambda: ana.json("status")["pending"] == "0", "what was written has been sent")
    assert centre.json("show", f"patient/{patient}")["phone"] == "555 0146"
    assert ana.stop() == 0


@promise("usage errors end with 2, refusals with 1, each in one line; with --json as what, safe, next")
def _(world):
    _, _, (ana,) = setting(world)
    for words, code in ((["frob"], 2), (["show"], 2), (["status", "more"], 2), (["show", f"note/{NOWHERE}"], 1)):
        result = ana(*words, code=code)
        assert result.err.count("\n") == 1 and result.err.endswith("\n"), result
    failure = json.loads(ana("show", f"note/{NOWHERE}", "--json", code=1).err)
    assert sorted(failure) == ["next", "safe", "what"] and all(failure.values()), failure


if __name__ == "__main__":
    run_all()
