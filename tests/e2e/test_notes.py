"""Notes from draft to signature and beyond, and the times of visits, with a real centre."""
import datetime
import json

from doorstep_e2e import promise, run_all

DAY = datetime.timedelta(days=1)


def setting(world, logins=("ana",)):
    """A centre with a patient, and a tablet each for these care managers, who all have the patient; all synced."""
    centre = world.centre()
    patient = centre.json("patient", "add", "--name", "-", text="Maria Lopez\n")["id"]
    tablets = [world.tablet(centre, login) for login in logins]
    for login in logins:
        centre("assign", "--user", login, "--patient", patient)
    for tablet in tablets:
        tablet("sync")
    return centre, patient, *tablets


def ago(**span):
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**span)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def write_note(tablet, patient, text="Wound dry.", *more):
    return tablet.json("note", "add", "--patient", patient, *more, text=text)["id"]


def finished_visit(tablet, patient):
    visit = tablet.json("visit", "add", "--patient", patient, "--at", ago(hours=1), "--minutes", "30")["id"]
    tablet("visit", "in", visit)
    tablet("visit", "out", visit)
    return visit


# --- signing


@promise("signing without signal prints what is signed, and the centre gets it whole, sealed and named")
def _(world):
    centre, patient, ana = setting(world)
    centre.stop()
    note = write_note(ana, patient, "Wound dry.\r\nNo pain.", "--section", "plan=Every second day", "--section", "observed")
    told = ana("note", "sign", note).out
    assert "Observed\n  Wound dry.\n  No pain.\n" in told and "Plan\n  Every second day\n" in told, told
    assert f"Signed. Saved on this tablet. note/{note}" in told and "min after it was written" in told, told
    signed = ana.json("show", f"note/{note}")
    assert signed["status"] == "signed" and signed["travel"] == "Saved on this tablet", signed
    assert signed["signed_by"] == signed["author"] and signed["late"] is False, signed
    centre.start()
    ana("sync")
    assert ana.number("SELECT count(*) FROM ds_journal") == 1
    stands = centre.json("show", f"note/{note}")
    assert stands["digest"] == signed["digest"] and stands["status"] == "signed", stands
    assert stands["observed"] == "Wound dry.\nNo pain.", stands
    assert ana.json("show", f"note/{note}")["travel"] == "Received"


@promise("a note that was sent as a draft is signed in one change, with the words that nobody touched")
def _(world):
    centre, patient, ana = setting(world)
    note = write_note(ana, patient, "Well.", "--section", "observed", "--section", "plan=Rest")
    ana("sync")
    ana("note", "edit", note, text="Very well.")
    answer = ana.json("note", "sign", note)
    assert answer["sections"] == ["observed", "plan"], answer
    ana("sync")
    assert ana.number("SELECT count(*) FROM ds_journal") == 2
    assert ana.json("held") == [], ana.json("held")
    stands = centre.json("show", f"note/{note}")
    assert (stands["status"], stands["observed"], stands["plan"]) == ("signed", "Very well.", "Rest"), stands


@promise("a signed note stays as it is: edit, set, plain SQL and a second signature are refused, each with the way on")
def _(world):
    _, patient, ana = setting(world)
    note = write_note(ana, patient)
    ana("note", "sign", note)
    for words in (["note", "edit", note], ["set", f"note/{note}", "plan=x"], ["note", "sign", note]):
        failure = ana.failure(*words, text="Other words")
        assert "note addend" in failure["next"] and failure["safe"] == "Nothing was changed.", failure
    failure = ana.failure("sql", f"UPDATE note SET observed='x' WHERE id='{note}'")
    assert "doorstep note addend" in json.dumps(failure), failure
    refused = ana.world.run(["sqlite3", ana.replica, f"DELETE FROM note WHERE id='{note}'"], code=None)
    assert refused.code != 0 and "Add to it with: doorstep note addend" in refused.err, refused
    draft = write_note(ana, patient)
    refused = ana.world.run(["sqlite3", ana.replica, f"UPDATE note SET status='signed' WHERE id='{draft}'"], code=None)
    assert refused.code != 0 and "doorstep note sign" in refused.err, refused
    assert ana.json("show", f"note/{note}")["observed"] == "Wound dry."


@promise("what can't be signed is refused, and the draft stays: no words, somebody else's, unknown")
def _(world):
    _, patient, ana, ben = setting(world, ("ana", "ben"))
    note = write_note(ana, patient)
    ana("sync")
    ben("sync")
    assert "author" in ben.failure("note", "sign", note)["what"]
    ana("set", f"note/{note}", "observed=")
    assert ana.failure("note", "sign", note)["what"] == "This note has no words."
    ana.failure("note", "sign", "00000000-0000-4000-8000-0000000000ff")
    assert ana.json("show", f"note/{note}")["status"] == "draft"


@promise("a note is late by the visit's end, not by its arrival; a late one asks for the reason")
def _(world):
    centre, patient, ana = setting(world)
    visit = ana.json("visit", "add", "--patient", patient, "--at", ago(days=3), "--minutes", "60")["id"]
    note = write_note(ana, patient, "Forgotten.", "--visit", visit)
    failure = ana.failure("note", "sign", note)
    assert "2 days 23 h after the visit, late" in failure["what"] and "--late-reason" in failure["next"], failure
    answer = ana.json("note", "sign", note, "--late-reason", "-", text="Tablet was broken")
    assert answer["late"] is True, answer
    ana("sync")
    assert centre.json("show", f"note/{note}")["late_reason"] == "Tablet was broken"
    told = ana("show", f"note/{note}").out
    assert "Signed 2 days 23 h after the visit, late." in told and "Tablet was broken" in told, told
    visit = finished_visit(ana, patient)
    note = write_note(ana, patient, "In time.", "--visit", visit)
    assert "Signed 0 min after the visit." in ana("note", "sign", note).out


# --- adding to it


@promise("an addendum, a late entry and a correction stand under the note; the correction beside what it corrects")
def _(world):
    centre, patient, ana = setting(world)
    note = write_note(ana, patient, "Left heel.")
    assert "not signed" in ana.failure("note", "addend", note, "--type", "addendum", "--reason", "r", text="x")["what"]
    ana("note", "sign", note)
    assert "--section" in ana.failure("note", "addend", note, "--type", "correction", "--reason", "r", text="x", code=2)["next"]
    for words in (["--reason", "r"], ["--type", "addendum"], ["--type", "addendum", "--reason", "r"]):
        ana.failure("note", "addend", note, *words, text="", code=2)
    ana("note", "addend", note, "--type", "addendum", "--reason", "Daughter called", text="She will come at noon.")
    ana("note", "addend", note, "--type", "late-entry", "--reason", "Left out", text="Pulse 70.")
    told = ana("note", "addend", note, "--type", "correction", "--reason", "Wrong side", "--section", "observed",
               text="Right heel.").out
    assert "Observed, as signed:\n  Left heel.\nAs corrected:\n  Right heel.\n" in told, told
    ana("sync")
    ana("sync")
    shown = ana.json("show", f"note/{note}")
    assert shown["status"] == "amended" and shown["observed"] == "Left heel.", shown
    assert [one["type"] for one in shown["addenda"]] == ["addendum", "late-entry", "correction"], shown
    assert shown["addenda"][2]["original"] == "Left heel.", shown
    assert {one["note_digest"] for one in shown["addenda"]} == {shown["digest"]}, shown
    assert all(one["travel"] == "Received" and one["closed_at"] for one in shown["addenda"]), shown
    told = ana("show", f"note/{note}").out
    assert "Correction by Ana" in told and "Reason: Wrong side" in told and "Observed, as signed:\n    Left heel." in told, told
    addendum = shown["addenda"][2]["id"]
    assert "Left heel." in ana("show", f"addendum/{addendum}").out
    assert "entered in error" in ana.failure("set", f"addendum/{addendum}", "text=x")["next"]


@promise("an edit that another tablet made before it knew of the signature comes back as an addendum, and the words stand")
def _(world):
    _, patient, ana, ben = setting(world, ("ana", "ben"))
    note = write_note(ana, patient, "Sleeps well.")
    ana("sync")
    ben("sync")
    ben("note", "edit", note, text="Sleeps badly.")
    ana("note", "sign", note)
    ana("sync")
    ben("sync")
    ana("sync")
    for tablet in (ana, ben):
        shown = tablet.json("show", f"note/{note}")
        assert shown["observed"] == "Sleeps well." and shown["status"] == "amended", shown
        assert len(shown["addenda"]) == 1 and "Sleeps badly." in shown["addenda"][0]["text"], shown
    assert "Addendum by Ben" in ana("show", f"note/{note}").out


@promise("a note entered in error says why, on both sides, and is out of the list")
def _(world):
    centre, patient, ana, ben = setting(world, ("ana", "ben"))
    note, other = write_note(ana, patient), write_note(ana, patient)
    ana("note", "sign", note)
    ana("sync")
    ben("sync")
    ana.failure("note", "error", note, code=2)
    ana.failure("note", "error", note, "--reason", "", code=2)
    assert "somebody else's" in ben.failure("note", "error", note, "--reason", "x")["what"]
    ana("note", "error", note, "--reason", "Wrong patient")
    ana("sync")
    assert centre.json("show", f"note/{note}")["status"] == "entered-in-error"
    assert centre.json("show", f"note/{note}")["status_reason"] == "Wrong patient"
    assert [one["id"] for one in ana.json("note", "list")] == [other]
    assert {one["id"]: one["state"] for one in ana.json("note", "list", "--all")} == {note: "in error", other: "draft"}
    ana.failure("note", "error", note, "--reason", "again")
    ana.failure("note", "addend", note, "--type", "addendum", "--reason", "r", text="x")


# --- reviews


@promise("a returned note is named with the comment and the next step until its author adds to it")
def _(world):
    centre, patient, ana = setting(world)
    centre("user", "add", "sam", "--name", "Sam Lee", "--role", "supervisor")
    note = write_note(ana, patient)
    ana("note", "sign", note)
    ana("sync")
    centre("review", note, "return", "--comment", "-", "--as", "sam", text="Which dressing?")
    ana("sync")
    for words in (["today"], ["status"]):
        told = ana(*words).out
        assert "Note returned by Sam Lee: Which dressing?\n" in told and f"Next: doorstep note addend {note}" in told, told
    assert ana.json("status")["returned_notes"][0]["comment"] == "Which dressing?"
    assert ana.json("note", "list")[0]["returned"] == "Which dressing?"
    told = ana("show", f"note/{note}").out
    assert "Returned by Sam Lee" in told and "Which dressing?" in told, told
    assert ana.json("show", f"note/{note}")["reviews"][0]["verdict"] == "returned"
    ana("note", "addend", note, "--type", "late-entry", "--reason", "Asked by Sam", text="Hydrocolloid.")
    assert "returned by" not in ana("today").out and ana.json("status")["returned_notes"] == []
    assert ana.json("note", "list")[0]["returned"] is None


@promise("drafts of visits that are over are named until they are signed")
def _(world):
    _, patient, ana = setting(world)
    visit = ana.json("visit", "add", "--patient", patient, "--at", ago(hours=1))["id"]
    note = write_note(ana, patient, "Draft", "--visit", visit)
    assert "Not signed" not in ana("today").out
    ana("visit", "in", visit)
    ana("visit", "out", visit)
    assert f"Next: doorstep note sign {note}" in ana("today").out
    assert [one["id"] for one in ana.json("status")["unsigned_notes"]] == [note]
    ana("note", "sign", note)
    assert "Not signed" not in ana("status").out


# --- times of visits


@promise("checking out closes the times; a correction stands beside them with who and why, and never instead")
def _(world):
    centre, patient, ana = setting(world)
    visit = finished_visit(ana, patient)
    before = ana.json("show", f"visit/{visit}")
    assert before["closed_at"], before
    failure = ana.failure("set", f"visit/{visit}", "check_in_time=2026-01-01T08:00Z")
    assert "closed" in failure["what"], failure
    ana.failure("visit", "correct", visit, "--reason", "x", code=2)
    ana.failure("visit", "correct", visit, "--in", "2026-01-01T08:00Z", code=2)
    ana("visit", "correct", visit, "--in", "2026-01-01T08:00Z", "--reason", "Forgot to \"check in\"")
    ana("visit", "correct", visit, "--in", "2026-01-01T08:05Z", "--out", "2026-01-01T09:00Z", "--reason", "R2")
    after = ana.json("show", f"visit/{visit}")
    assert after["check_in_time"] == before["check_in_time"] and len(after["edits"]) == 3, after
    told = ana("show", f"visit/{visit}").out
    assert "corrected to 2026-01-01 08:05 by Ana: R2" in told and "corrected to 2026-01-01 09:00 by Ana: R2" in told, told
    listed = [one for one in ana.json("visit", "list", "--all") if one["id"] == visit][0]
    assert "check-in corrected to 2026-01-01 08:05 by Ana: R2" in listed["remarks"], listed
    ana("sync")
    assert ana.json("held") == [] and len(centre.json("show", f"visit/{visit}")["edits"]) == 3
    planned = ana.json("visit", "add", "--patient", patient, "--at", "2031-01-01T08:00Z")["id"]
    assert "not checked in" in ana.failure("visit", "correct", planned, "--in", "2026-01-01T08:00Z", "--reason", "x")["what"]


@promise("visits that overlap, and one that ends before it begins, are named and not refused")
def _(world):
    _, patient, ana = setting(world)
    now = datetime.datetime.now(datetime.timezone.utc)
    noon = now.strftime("%Y-%m-%dT12:00Z")
    one = ana.json("visit", "add", "--patient", patient, "--at", noon, "--minutes", "60")["id"]
    two = ana.json("visit", "add", "--patient", patient, "--at", now.strftime("%Y-%m-%dT12:30Z"), "--minutes", "60")["id"]
    three = ana.json("visit", "add", "--patient", patient, "--at", now.strftime("%Y-%m-%dT13:30Z"), "--minutes", "60")["id"]
    flags = {visit["visit"]: visit["flags"] for visit in ana.json("today")}
    assert flags == {one: f"overlaps visit/{two}", two: f"overlaps visit/{one}", three: None}, flags
    assert f"This visit overlaps visit/{two}." in ana("show", f"visit/{one}").out
    ana("set", f"visit/{two}", "status=cancelled")
    assert ana.json("show", f"visit/{one}")["flags"] is None
    ana("visit", "in", three)
    ana("visit", "out", three)
    ana("visit", "correct", three, "--in", ago(hours=1), "--out", ago(hours=2), "--reason", "Clock")
    assert ana.json("show", f"visit/{three}")["flags"] == "ends before it begins"
    listed = [visit for visit in ana.json("visit", "list", "--all") if visit["id"] == three][0]
    assert listed["remarks"].startswith("ends before it begins; "), listed


if __name__ == "__main__":
    run_all()
