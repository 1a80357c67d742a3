#!/usr/bin/python3
"""Supervisors review signed notes: what may be reviewed and by whom, what waits, what the author's tablet is told."""
import uuid

from doorstep_e2e import promise, run_all

TEXT = "Steady on her feet. Walked to the shop."


class Scene:
    """A centre, Ana with her tablet and two patients, Sue and Max who supervise."""

    def __init__(self, world):
        self.centre = world.centre()
        self.ana = world.tablet(self.centre, "ana")
        for login, role in (("sue", "supervisor"), ("max", "admin")):
            self.centre("user", "add", login, "--name", login.title(), "--role", role)
        self.patient = self.centre.json("patient", "add", "--name", "Pat Lee")["id"]
        self.centre("assign", "--user", "ana", "--patient", self.patient)
        self.ana("sync")

    def draft(self, text=TEXT):
        return self.ana.json("note", "add", "--patient", self.patient, text=text)["id"]

    def signed(self, text=TEXT):
        note = self.draft(text)
        self.ana("note", "sign", note)
        self.ana("sync")
        return note

    def addend(self, note, text):
        self.ana("note", "addend", note, "--type", "addendum", "--reason", "Asked for.", text=text)
        self.ana("sync")

    def returned(self, note, comment="Who called the doctor?"):
        return self.centre("review", note, "return", "--comment", "-", "--as", "sue", text=comment)

    def states(self, *options):
        return {row["note"]: row["state"] for row in self.centre.json("reviews", *options)}


@promise("a signed note waits for review, is reviewed, and no longer waits")
def _(world):
    s = Scene(world)
    note = s.signed()
    assert s.states() == s.states("--open") == {note: "waiting"}
    shown = s.centre("review", f"note/{note}", "accept", "--as", "sue").out
    assert shown == "Reviewed.\n", shown
    assert s.states("--open") == {} and s.states() == {note: "reviewed"}
    row = s.centre.json("reviews")[0]
    assert (row["by"], row["author_name"], row["patient_name"], row["comment"]) == ("Sue", "Ana", "Pat Lee", None), row
    assert "No note waits for a review." in s.centre("reviews", "--open").out
    record = s.centre.json("show", f"note/{note}")
    assert [(one["verdict"], one["note"]) for one in record["reviews"]] == [("reviewed", note)], record
    assert "Reviewed" in s.centre("show", f"note/{note}").out


@promise("a note that was returned is on its author's tablet with the comment, and waits until it is answered")
def _(world):
    s = Scene(world)
    note = s.signed()
    s.returned(note)
    assert s.states("--open") == {note: "returned"}
    s.ana("sync")
    row = s.ana.read("SELECT verdict, comment FROM review WHERE note = ?", note)
    assert [tuple(one) for one in row] == [("returned", "Who called the doctor?")], row
    s.addend(note, "The daughter did.")
    assert s.states("--open") == {note: "answered"}
    record = s.centre.json("show", f"note/{note}")
    assert record["status"] == "amended" and record["addenda"][0]["text"] == "The daughter did.", record
    s.centre("review", note, "accept", "--as", "sue")
    assert s.states("--open") == {} and s.states() == {note: "reviewed"}
    assert "all is as the centre wrote" in s.centre("verify").out


@promise("an addendum of somebody else answers nothing")
def _(world):
    s = Scene(world)
    ben = world.tablet(s.centre, "ben")
    s.centre("assign", "--user", "ben", "--patient", s.patient)
    note = s.signed()
    s.returned(note)
    ben("sync")
    ben("note", "addend", note, "--type", "addendum", "--reason", "Was there too.", text="I called nobody.")
    ben("sync")
    assert s.states("--open") == {note: "returned"}


@promise("the oldest signature comes first, and the list can be of one author")
def _(world):
    s = Scene(world)
    ben = world.tablet(s.centre, "ben")
    s.centre("assign", "--user", "ben", "--patient", s.patient)
    ben("sync")
    first = s.signed()
    second = ben.json("note", "add", "--patient", s.patient, text="Fed the cat.")["id"]
    ben("note", "sign", second)
    ben("sync")
    third = s.signed("Slept badly.")
    assert list(s.states("--open")) == [first, second, third]
    assert list(s.states("--user", "ben")) == [second]
    failure = s.centre.failure("reviews", "--user", "nobody")
    assert "nobody" in failure["what"], failure


@promise("only what is signed and stands is reviewed")
def _(world):
    s = Scene(world)
    draft = s.draft()
    s.ana("sync")
    failure = s.centre.failure("review", draft, "accept", "--as", "sue")
    assert "not signed" in failure["what"] and "reviews --open" in failure["next"], failure
    note = s.signed()
    s.ana("note", "error", note, "--reason", "Another patient's.")
    s.ana("sync")
    failure = s.centre.failure("review", note, "accept", "--as", "sue")
    assert "entered in error" in failure["what"], failure
    assert s.states() == {}
    assert s.centre.json("show", f"note/{note}")["reviews"] == []
    s.centre.failure("review", f"patient/{s.patient}", "accept")
    s.centre.failure("review", "note/00000000-0000-4000-8000-000000000000", "accept")


@promise("a return says why, a verdict is accept or return")
def _(world):
    s = Scene(world)
    note = s.signed()
    for words in (["return"], ["return", "--comment", " \n"], ["maybe"]):
        failure = s.centre.failure("review", note, *words, "--as", "sue", code=2)
        assert failure["safe"] == "Nothing was changed.", failure
    failure = s.centre.failure("review", note, "return", "--comment", "-", text="x" * 20000)
    assert "too long" in failure["what"], failure
    assert s.states() == {note: "waiting"}


@promise("neither a care manager nor the note's own author reviews; a supervisor, an admin and the console do")
def _(world):
    s = Scene(world)
    note = s.signed()
    s.centre.failure("review", note, "accept", "--as", "ana")
    world.tablet(s.centre, "sue", new_user=False)
    own = s.ana.json("note", "add", "--patient", s.patient, text="For Sue.")["id"]
    s.ana("sync")
    sue = s.centre.json("reviews")  # the note of Ana alone is signed
    assert [row["note"] for row in sue] == [note], sue
    assert own not in s.states()
    for actor in (["--as", "max"], []):
        s.centre("review", note, "accept", *actor)
    reviews = s.centre.json("show", f"note/{note}")["reviews"]
    assert len(reviews) == 2 and reviews[1]["by"] is None, reviews


@promise("a supervisor who visits does not review the notes of those visits")
def _(world):
    s = Scene(world)
    sue = world.tablet(s.centre, "sue", new_user=False)
    s.centre("assign", "--user", "sue", "--patient", s.patient)
    sue("sync")
    note = sue.json("note", "add", "--patient", s.patient, text=TEXT)["id"]
    sue("note", "sign", note)
    sue("sync")
    failure = s.centre.failure("review", note, "accept", "--as", "sue")
    assert "of their own" in failure["what"], failure
    s.centre("review", note, "accept", "--as", "max")


@promise("a note shows who signed it and how long after the visit, its addenda, and a correction beside the original")
def _(world):
    s = Scene(world)
    note = s.signed()
    s.ana("note", "addend", note, "--type", "correction", "--section", "observed", "--reason", "The other leg.",
          text="Unsteady on her feet.")
    s.ana("sync")
    shown = s.centre("show", f"note/{note}").out
    for words in ("by Ana, ", "min after it was written", "Correction", "of Observed, by Ana, ", "The other leg.",
                  "Unsteady on her feet."):
        assert words in shown, (words, shown)
    record = s.centre.json("show", f"note/{note}")
    assert (record["lateness_minutes"], record["late"]) == ("0", False), record
    correction = record["addenda"][0]
    assert correction["section"] == "observed" and correction["original"] == record["observed"], record
    history = s.centre("history", f"note/{note}").out
    assert "Ana" in history and "Correction" in history and "signed" in history, history


@promise("words that came too late for a note are shown beside it, in the name of who wrote them")
def _(world):
    s = Scene(world)
    ben = world.tablet(s.centre, "ben")
    s.centre("assign", "--user", "ben", "--patient", s.patient)
    note = s.draft()
    s.ana("sync")
    ben("sync")
    ben("set", f"note/{note}", "plan=Bring the walking frame.")
    s.ana("note", "sign", note)
    s.ana("sync")
    before = s.centre.json("show", f"note/{note}")
    ben("sync")
    after = s.centre.json("show", f"note/{note}")
    assert (before["status"], after["status"]) == ("signed", "amended")
    assert all(after[field] == before[field] for field in ("digest", "plan", "observed", "signed_by", "signed_at"))
    assert [one["text"] for one in after["addenda"]] == ["Bring the walking frame."], after
    shown = s.centre("show", f"note/{note}").out
    assert "of Plan, by Ben" in shown and "before the note was known to be signed" in shown, shown
    for tablet in (s.ana, ben):
        tablet("sync")
        assert tablet.json("show", f"note/{note}")["status"] == "amended"
    assert "all is as the centre wrote" in s.centre("verify").out


@promise("what would alter a closed record is held, can only be given back, and says what to do instead")
def _(world):
    s = Scene(world)
    ben = world.tablet(s.centre, "ben")
    s.centre("assign", "--user", "ben", "--patient", s.patient)
    call = str(uuid.uuid4())
    s.ana.sql(f"INSERT INTO interaction (id, patient, topic) VALUES ('{call}', '{s.patient}', 'Stairs')")
    s.ana("sync")
    ben("sync")
    ben("set", f"interaction/{call}", "topic=Stairs and bath")
    s.ana("set", f"interaction/{call}", "closed_at=2026-11-23T10:00:00Z")
    s.ana("sync")
    ben("sync")
    held = s.centre.json("held")
    assert [(one["reason"], one["what"]) for one in held] == [("closed", "The record had been closed.")], held
    words = s.centre("held").out
    assert f"held return {held[0]['id']}" in words and "held accept" not in words, words
    failure = s.centre.failure("held", "accept", held[0]["id"])
    assert failure["next"] == "Mark it as entered in error and write it anew.", failure
    s.centre("held", "return", held[0]["id"])
    ben("sync")
    assert ben.json("show", f"interaction/{call}")["topic"] == "Stairs"


if __name__ == "__main__":
    run_all()
