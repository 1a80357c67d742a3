#!/usr/bin/python3
"""Records under the wrong patient, two patients who are one, and patients who are closed."""
import datetime
import uuid

from doorstep_e2e import promise, run_all

SOON = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)).strftime("%Y-%m-%dT10:00")
STATED = "Filed under the wrong patient; written anew as %s/%s."


class Agency:
    """Two patients, Zoë and Ida, in Ana's caseload, and a third whom she does not have."""

    def __init__(self, world):
        self.centre = world.centre()
        self.centre("user", "add", "sue", "--name", "Sue Lang", "--role", "supervisor")
        self.ana = world.tablet(self.centre, "ana")
        self.zoe, self.ida, self.stranger = (self.add(name) for name in ("Zoë Müller", "Ida Frei", "Otto Stranger"))
        for patient in (self.zoe, self.ida):
            self.centre("assign", "--user", "ana", "--patient", patient)
        self.ana("sync")

    def add(self, name):
        return self.centre.json("patient", "add", "--name", "-", text=name)["id"]

    def at_centre(self, record):
        return self.centre.json("show", record)

    def note(self, patient, *more):
        return self.ana.json("note", "add", "--patient", patient, *more, text="Walks unaided.")["id"]

    def observation(self, patient, **fields):
        record = str(uuid.uuid4())
        values = {"id": record, "patient": patient, "code": "bp", "value": "120/80", **fields}
        self.ana("sql", "INSERT INTO observation(%s) VALUES(%s)" % (
            ",".join(values), ",".join(str(v) if isinstance(v, int) else f"'{v}'" for v in values.values())))
        return record


# --- refile


@promise("one command writes a record anew under the other patient and marks the first, without the first patient's visit")
def _(world):
    agency = Agency(world)
    visit = agency.ana.json("visit", "add", "--patient", agency.zoe, "--at", SOON)["id"]
    note = agency.note(agency.zoe, "--visit", visit)
    agency.ana("sync")
    said = agency.ana("refile", f"note/{note}", "--patient", agency.ida)
    new = said.out.split("note/")[1].split()[0]
    assert "It is a draft" in said.out and "marked as entered in error" in said.out and "Visit" in said.out, said
    agency.ana("sync")
    copy, old = agency.at_centre(f"note/{new}"), agency.at_centre(f"note/{note}")
    assert (copy["patient"], copy["observed"], copy["visit"], copy["status"]) == (agency.ida, "Walks unaided.", None, "draft")
    assert (old["patient"], old["status"], old["status_reason"]) == (agency.zoe, "entered-in-error", STATED % ("note", new))
    assert old["observed"] == "Walks unaided."
    assert agency.ana.json("held") == []
    assert "entered in error already" in agency.ana.failure("refile", f"note/{note}", "--patient", agency.ida)["what"]


@promise("a signed note is copied as a draft to be signed again, and what names the first is listed and stays")
def _(world):
    agency = Agency(world)
    note = agency.note(agency.zoe)
    agency.ana("note", "sign", note)
    agency.ana("sync")
    addendum = agency.ana.json("note", "addend", note, "--type", "addendum", "--reason", "New", text="More.")["id"]
    agency.ana("sync")
    filed = agency.ana.json("refile", f"note/{note}", "--patient", agency.ida)
    assert filed["not_moved"] == [{"kind": "addendum", "id": addendum}], filed
    assert (filed["old"], filed["left_out"]) == ("entered-in-error", [])
    agency.ana("sync")
    copy, old = agency.at_centre(f"note/{filed['id']}"), agency.at_centre(f"note/{note}")
    assert [copy[name] for name in ("status", "signed_by", "signed_at", "digest")] == ["draft", None, None, None]
    assert old["status"] == "entered-in-error" and old["digest"]
    assert agency.at_centre(f"addendum/{addendum}")["patient"] == agency.zoe
    agency.ana("note", "sign", filed["id"])
    agency.ana("sync")
    assert agency.at_centre(f"note/{filed['id']}")["status"] == "signed"
    assert agency.ana.json("held") == []
    agency.centre("verify")


@promise("a record of a kind that can't be entered in error is deleted, a closed visit is cancelled with the reason")
def _(world):
    agency = Agency(world)
    task = agency.ana.json("task", "add", "Call the GP", "--patient", agency.zoe)["id"]
    visit = agency.ana.json("visit", "add", "--patient", agency.zoe, "--at", SOON)["id"]
    agency.ana("visit", "in", visit)
    agency.ana("visit", "out", visit)
    closed = agency.observation(agency.zoe, status="final", closed_at=1790000000000)
    agency.ana("sync")
    for kind, record, how in (("task", task, "deleted"), ("visit", visit, "cancelled"), ("observation", closed, "entered-in-error")):
        filed = agency.ana.json("refile", f"{kind}/{record}", "--patient", agency.ida)
        assert filed["old"] == how, filed
        agency.ana("sync")
        copy, old = agency.at_centre(f"{kind}/{filed['id']}"), agency.at_centre(f"{kind}/{record}")
        assert copy["patient"] == agency.ida and old["patient"] == agency.zoe
        assert old["deleted"] == (how == "deleted") and (old["status"] == how or how == "deleted")
        assert agency.ana.json("held") == []
    assert copy["value"] == "120/80" and copy["closed_at"]


@promise("nothing is refiled to a patient who is not on the tablet, nor what can't stand alone, and nothing is half done")
def _(world):
    agency = Agency(world)
    note = agency.note(agency.zoe)
    agency.ana("note", "sign", note)
    addendum = agency.ana.json("note", "addend", note, "--type", "addendum", "--reason", "New", text="More.")["id"]
    before = agency.ana.read("SELECT count(*) FROM note"), agency.ana.json("status")["saved"]
    for record, patient, what in ((f"note/{note}", agency.stranger, "no patient with this id on this tablet"),
                                  (f"note/{note}", agency.zoe, "under this patient already"),
                                  (f"addendum/{addendum}", agency.ida, "by itself"),
                                  (f"patient/{agency.zoe}", agency.ida, "by itself")):
        assert what in agency.ana.failure("refile", record, "--patient", patient)["what"], (record, patient)
    agency.centre("unassign", "--user", "ana", "--patient", agency.ida)
    agency.ana("sync")
    refused = agency.ana.failure("refile", f"note/{note}", "--patient", agency.ida)
    assert "caseload" in refused["what"] or "on this tablet" in refused["what"], refused
    assert agency.ana.read("SELECT count(*) FROM note") == before[0]


@promise("a supervisor refiles at the centre, under their own name, and both patients' tablets hear of it")
def _(world):
    agency = Agency(world)
    note = agency.note(agency.zoe)
    agency.ana("sync")
    said = agency.centre("refile", f"note/{note}", "--patient", agency.stranger, "--as", "sue").out
    new = said.split("note/")[1].split()[0]
    assert "its author signs it again" in said and "marked as entered in error" in said, said
    copy, old = agency.at_centre(f"note/{new}"), agency.at_centre(f"note/{note}")
    assert (copy["patient"], copy["observed"], copy["status"]) == (agency.stranger, "Walks unaided.", "draft")
    assert (old["status"], old["status_reason"]) == ("entered-in-error", STATED % ("note", new))
    assert "by Sue Lang" in agency.centre("show", f"note/{note}").out
    agency.ana("sync")
    assert agency.ana.json("show", f"note/{note}")["status"] == "entered-in-error"
    agency.ana.failure("show", f"note/{new}")
    assert "already" in agency.centre.failure("refile", f"note/{note}", "--patient", agency.ida)["what"]
    agency.centre("verify")


# --- two patients who are one


@promise("two patients who are one person name each other at the centre and on the tablet, and nothing is merged")
def _(world):
    agency = Agency(world)
    linked = agency.centre.json("patient", "link", agency.ida, agency.zoe, "--as", "sue")
    assert linked["linked_to"] == agency.zoe
    agency.ana("sync")
    for program in (agency.centre, agency.ana):
        for one, other in ((agency.ida, agency.zoe), (agency.zoe, agency.ida)):
            line = next(line for line in program("show", f"patient/{one}").out.splitlines() if "The same person as" in line)
            assert other in line, line
        assert "active, the same person as patient/" in program("patients").out
    rows = {row["id"]: row["same_person_as"] for row in agency.ana.json("patients")}
    assert rows == {agency.ida: agency.zoe, agency.zoe: agency.ida}
    assert len(agency.centre.json("patients")) == 3
    agency.centre("patient", "unlink", agency.ida)
    agency.ana("sync")
    assert "The same person as  patient" not in agency.centre("show", f"patient/{agency.zoe}").out
    assert {row["same_person_as"] for row in agency.ana.json("patients")} == {None}
    assert "no other" in agency.centre.failure("patient", "unlink", agency.ida)["what"]


@promise("links make neither a circle nor a chain, and say who is linked to whom")
def _(world):
    agency = Agency(world)
    a, b, c = agency.zoe, agency.ida, agency.stranger
    assert "one and the same" in agency.centre.failure("patient", "link", a, a)["what"]
    agency.centre("patient", "link", a, b)
    for first, second, named in ((b, a, b), (a, c, b), (c, a, b), (b, c, a)):
        refused = agency.centre.failure("patient", "link", first, second)
        assert named in refused["what"], (first, second, refused)
    agency.centre("patient", "link", c, b)
    assert agency.at_centre(f"patient/{c}")["linked_to"] == b
    assert agency.ana.failure("set", f"patient/{a}", "linked_to=")["what"]
    agency.centre("verify")


# --- closing a patient


def busy(agency):
    """All that can be open about Zoë."""
    agency.centre("visit", "plan", "--patient", agency.zoe, "--user", "ana", "--at", SOON, "--every", "week", "--times", "3")
    agency.ana("sync")
    agency.ana("visit", "move", sorted(agency.ana.json("visit", "list"), key=lambda row: row["planned_from"])[1]["id"],
               "--at", SOON.replace("10:00", "12:00"))
    task = agency.ana.json("task", "add", "Call the GP", "--patient", agency.zoe)["id"]
    note = agency.note(agency.zoe)
    agency.ana("sync")
    agency.ana("sync")  # which reports that nothing is unsent any more
    return task, note


@promise("before a patient is closed the command says what is open and what becomes of it, and changes nothing")
def _(world):
    agency = Agency(world)
    task, note = busy(agency)
    before = agency.centre.read("SELECT count(*) FROM history")
    preview = agency.centre.json("patient", "close", "--patient", agency.zoe, "--preview")
    assert (len(preview["visits"]), len(preview["series"]), preview["tasks"], preview["drafts"]) == (3, 1, [task], [note])
    assert [(one["owner_name"], one["pending"]) for one in preview["tablets"]] == [("Ana", "0")]
    assert preview["tablets"][0]["last_contact"] and preview["closed"] is False
    said = agency.centre("patient", "close", "--patient", agency.zoe, "--preview").out
    for words in ("Nothing was changed", "3 planned visits: cancelled", "1 series of visits: ended", "1 open task: cancelled",
                  "1 note not signed: left", "of Ana holds the patient; it reported 0 unsent", "is accepted"):
        assert words in said, (words, said)
    assert agency.centre.read("SELECT count(*) FROM history") == before


@promise("closing cancels visits, series and tasks with the reason, and leaves drafts to be finished and signed")
def _(world):
    agency = Agency(world)
    task, note = busy(agency)
    agency.centre("patient", "close", "--patient", agency.zoe, "--reason", "-", "--as", "sue", text="Moved to Bern\n")
    patient = agency.at_centre(f"patient/{agency.zoe}")
    assert (patient["status"], patient["closed_reason"], patient["deceased"]) == ("closed", "Moved to Bern", None)
    rows = agency.centre.json("visit", "list", "--patient", agency.zoe)
    assert [(row["status"], row["status_reason"]) for row in rows] == [("cancelled", "Moved to Bern")] * 3
    assert [agency.at_centre(f"visit/{row['id']}")["recurrence"] for row in rows] == [None] * 3
    done = agency.at_centre(f"task/{task}")
    assert (done["status"], done["reason"]) == ("cancelled", "Moved to Bern")
    # Late work is still accepted, and no series comes to life again.
    agency.ana("note", "sign", note)
    agency.ana("visit", "add", "--patient", agency.zoe, "--at", SOON.replace("10:00", "18:00"), "--every", "day")
    agency.ana("sync")
    assert agency.at_centre(f"note/{note}")["status"] == "signed"
    assert agency.ana.json("held") == []
    assert [row["status"] for row in agency.centre.json("visit", "list", "--patient", agency.zoe)].count("planned") == 1
    assert "already" in agency.centre.failure("patient", "close", "--patient", agency.zoe, "--reason", "again")["what"]
    agency.centre("verify")


@promise("a death is recorded with its day, tasks are kept where that is asked for, and a patient is opened again")
def _(world):
    agency = Agency(world)
    task, _ = busy(agency)
    assert agency.centre.failure("patient", "close", "--patient", agency.zoe, code=2)["what"] == "It is not said why."
    agency.centre.failure("patient", "close", "--patient", agency.zoe, "--reason", "Died", "--died", "yesterday")
    assert agency.at_centre(f"patient/{agency.zoe}")["status"] == "active"
    agency.centre("patient", "close", "--patient", agency.zoe, "--reason", "Died at home", "--died", "2026-11-20", "--keep-tasks")
    patient = agency.at_centre(f"patient/{agency.zoe}")
    assert (patient["deceased"], patient["deceased_date"], patient["status"]) == (True, "2026-11-20", "closed")
    assert agency.at_centre(f"task/{task}")["status"] == "open"
    said = agency.centre("patient", "reopen", "--patient", agency.zoe).out
    assert "plan them anew" in said and "has died" in said
    patient = agency.at_centre(f"patient/{agency.zoe}")
    assert (patient["status"], patient["closed_reason"]) == ("active", None)
    assert {row["status"] for row in agency.centre.json("visit", "list", "--patient", agency.zoe)} == {"cancelled"}
    assert "not closed" in agency.centre.failure("patient", "reopen", "--patient", agency.zoe)["what"]


@promise("nobody has died on a day to come: the date is refused, closing or preview, and nothing is closed")
def _(world):
    agency = Agency(world)
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)).date().isoformat()
    for more in ((), ("--preview",)):
        words = ("patient", "close", "--patient", agency.zoe, "--reason", "Died", "--died", later, *more)
        said = agency.centre.failure(*words)
        assert said == {"what": "The day given with --died is still to come.", "safe": "Nothing was changed.",
                        "next": "Give the day of the death, as 2026-11-23; no later than today."}, said
    words = ("patient", "close", "--patient", agency.zoe, "--reason", "Died", "--died", "-")
    assert "still to come" in agency.centre.failure(*words, text=later)["what"]
    assert agency.at_centre(f"patient/{agency.zoe}")["status"] == "active"
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    agency.centre("patient", "close", "--patient", agency.zoe, "--reason", "Died", "--died", today)
    assert agency.at_centre(f"patient/{agency.zoe}")["deceased_date"] == today


@promise("closing what is closed and opening what is open say what to do, and send nobody to their supervisor")
def _(world):
    agency = Agency(world)
    opened = agency.centre.failure("patient", "reopen", "--patient", agency.zoe)
    agency.centre("patient", "close", "--patient", agency.zoe, "--reason", "Moved")
    closed = agency.centre.failure("patient", "close", "--patient", agency.zoe, "--reason", "Moved")
    for said in (opened, closed):
        assert said["safe"] == "Nothing was changed." and "supervisor" not in said["next"], said
    assert "doorstepd patient reopen" in closed["next"] and "Nothing is left to do" in opened["next"]


if __name__ == "__main__":
    run_all()
