#!/usr/bin/python3
"""What became of each change, told to its author, and values that are taken back out of the history."""
import sqlite3
import uuid

from doorstep_e2e import promise, run_all


NOWHERE = "00000000-0000-4000-8000-0000000000ff"


class Agency:
    """A centre, a patient, and the tablets of two care managers who both look after them."""

    def __init__(self, world):
        self.centre = world.centre()
        self.centre("user", "add", "sue", "--name", "Sue Lind", "--role", "supervisor")
        self.ana, self.ben = world.tablet(self.centre, "ana"), world.tablet(self.centre, "ben")
        self.patient = self.add_patient("Zoë Müller", "ana", "ben")
        self.exchange()

    def add_patient(self, name, *logins):
        patient = self.centre.json("patient", "add", "--name", "-", text=name)["id"]
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

    def everywhere(self, kind, record, field):
        """The value at the centre, on Ana's tablet and on Ben's."""
        return [program.json("show", f"{kind}/{record}")[field] for program in (self.centre, self.ana, self.ben)]


def edit(tablet, statement, *values):
    """Plain SQL, as any program on the tablet may write it."""
    with sqlite3.connect(tablet.replica, timeout=30) as database:
        database.execute(statement, values)
    database.close()


def outcomes(tablet, *more):
    """{n: (outcome, new)}"""
    return {int(row["n"]): (row["outcome"], row["new"]) for row in tablet.json("outcomes", *more)}


def newest(tablet):
    return tablet.json("outcomes")[0]


def fight(agency):
    """A medication whose dose Ben changed first and Ana, who had not seen it, after him: hers lost."""
    medication = agency.create(agency.ana, "medication", name="Metformin", dose="500")
    edit(agency.ben, "UPDATE medication SET dose='850' WHERE id=?", medication)
    edit(agency.ana, "UPDATE medication SET dose='1000' WHERE id=?", medication)
    agency.ben("sync")
    agency.ana("sync")
    return medication


def rows(agency, kind, record):
    """(sequence, who, value, became, restores) of each change at the centre, oldest first; the field is the kind's."""
    field = {"medication": "dose", "task": "title", "note": "observed"}[kind]
    return [(row["seq"], row["name"], row["value"], row["became"], row["restores"])
            for row in agency.centre.json("history", f"{kind}/{record}") if row["field"] == field]


# --- outcomes


@promise("each change is listed, newest first, with what became of it, whose value stands, and how to take one's own back")
def _(world):
    agency = Agency(world)
    medication = fight(agency)
    first = newest(agency.ana)
    assert (first["outcome"], first["record"], first["by"], first["new"]) == ("superseded", medication, "Ben", True), first
    assert first["what"].startswith("Another value stands (Ben’s): ") and "Dose" in first["what"], first
    assert first["next"] == f"doorstep restore-value {first['n']}" and "Dose" in first["fields"]
    said = agency.ana("outcomes").out
    assert said.index("Another value stands") < said.index("Received"), said
    assert "new record" in said
    agency.ana("set", f"medication/{medication}", "name=Metformin retard")
    assert newest(agency.ana)["n"] == first["n"]  # what has no number yet is no change
    numbers = [int(row["n"]) for row in agency.ana.json("outcomes", "--all")]
    assert numbers == sorted(numbers, reverse=True)


@promise("what was merged or lost is new until somebody has looked, and status says how many there are")
def _(world):
    agency = Agency(world)
    fight(agency)
    assert agency.ana.json("status")["outcomes_new"] == "1"
    assert "1 since you last looked. Next: doorstep outcomes" in agency.ana("status").out
    n = max(outcomes(agency.ana, "--patient", agency.patient))
    assert agency.ana.json("status")["outcomes_new"] == "1"  # of one patient only: not all were looked at
    assert outcomes(agency.ana)[n] == ("superseded", True)
    assert outcomes(agency.ana)[n] == ("superseded", False)
    assert agency.ana.json("status")["outcomes_new"] == "0"
    assert "since you last looked" not in agency.ana("status").out
    assert agency.ben.json("status")["outcomes_new"] == "0"


@promise("a set that was merged says so; a change that is held says why and what next, a returned one how to use it again")
def _(world):
    agency = Agency(world)
    contact = agency.create(agency.ana, "contact", name="Dr. Roth", roles='["physician"]')
    edit(agency.ben, "UPDATE contact SET roles='[\"emergency\",\"physician\"]' WHERE id=?", contact)
    edit(agency.ana, "UPDATE contact SET roles='[\"caregiver\",\"physician\"]' WHERE id=?", contact)
    agency.ben("sync")
    agency.ana("sync")
    merged = newest(agency.ana)
    assert (merged["outcome"], merged["what"]) == ("merged", "Merged with others’ words: Roles"), merged
    strange = str(uuid.uuid4())
    edit(agency.ana, "INSERT INTO task(id,patient,title,goal) VALUES(?,?,?,?)", strange, agency.patient, "Call", NOWHERE)
    agency.ana("sync")
    held = newest(agency.ana)
    assert (held["outcome"], held["record"]) == ("held", strange) and held["what"].startswith("Held: ") and held["next"], held
    agency.centre("held", "return", agency.centre.json("held")[0]["id"])
    agency.ana("sync")
    returned = newest(agency.ana)
    assert (returned["outcome"], returned["next"]) == ("returned", f"doorstep held reuse {returned['n']}"), returned
    assert "held reuse" in agency.ana.failure("restore-value", returned["n"])["next"]


# --- decisions that did not decide


def conflict_of(tablet, record):
    """The one open conflict of a record, as the tablet has it."""
    (conflict,) = [one["id"] for one in tablet.json("conflicts") if one["record"] == record]
    return conflict


def decide_unseen(agency):
    """Ana decides a conflict about a dose that Ben has changed again meanwhile. Returns medication, conflict, what sync said."""
    medication = fight(agency)
    agency.exchange()
    conflict = conflict_of(agency.ana, medication)
    edit(agency.ben, "UPDATE medication SET dose='900' WHERE id=?", medication)
    agency.ben("sync")
    agency.ana("decide", conflict, "--keep", "2")
    return medication, conflict, agency.ana("sync").out


@promise("a decision that had not seen what changed is told so: the conflict is open, with the decision among the candidates")
def _(world):
    agency = Agency(world)
    medication, conflict, said = decide_unseen(agency)
    assert "decided nothing: something had changed" in said and "doorstep outcomes" in said, said
    assert "they stand at the centre as you wrote them" not in said, said
    agency.ana("sync")
    assert agency.ana.json("status")["outcomes_new"] == "2"  # with the dose that she lost
    told = newest(agency.ana)
    assert (told["record"], told["next"], told["new"]) == (conflict, "doorstep conflicts", True), told
    assert told["what"].startswith("Your decision about ") and "had not seen" in told["what"], told
    assert told["what"].endswith("the conflict is still open, with your decision among the candidates."), told
    assert agency.at_centre("medication", medication)["dose"] == "900"
    refused = agency.ana.failure("restore-value", told["n"])
    assert "decision" in refused["what"] and "doorstep conflicts" in refused["next"], refused
    agency.ana("decide", conflict, "--value", "dose=950")
    said = agency.ana("sync").out
    assert "they stand at the centre as you wrote them" in said and "decided nothing" not in said, said
    assert newest(agency.ana)["what"] == "Received"


@promise("a decision that had not seen what changed names who has decided since, and what stands")
def _(world):
    agency = Agency(world)
    medication, conflict, _ = decide_unseen(agency)
    agency.centre("decide", conflict, "--value", "dose=925", "--as", "sue")
    agency.exchange()
    told = newest(agency.ana)
    assert (told["by"], told["next"]) == ("Sue Lind", f"doorstep show medication/{medication}"), told
    assert "decided since, by Sue Lind. What stands: " in told["what"] and "Dose: 925" in told["what"], told


@promise("a decision that came after another's names who decided, what stands and the record; it can't be restored")
def _(world):
    agency = Agency(world)
    medication = fight(agency)
    agency.exchange()
    conflict = conflict_of(agency.ana, medication)
    agency.ana("decide", conflict, "--keep", "2")
    agency.ben("decide", conflict, "--keep", "1")
    agency.ana("sync")
    said = agency.ben("sync").out
    assert "the conflict had been decided already" in said and "superseded" not in said, said
    told = newest(agency.ben)
    assert (told["outcome"], told["record"], told["by"], told["new"]) == ("superseded", conflict, "Ana", True), told
    assert "decided already, by Ana" in told["what"] and "Dose: 1000" in told["what"], told
    assert told["next"] == f"doorstep show medication/{medication}", told
    said = agency.ben("outcomes").out
    assert "restore-value" not in said and "{" not in said, said
    for more in ((), ("--group", "decision")):
        refused = agency.ben.failure("restore-value", told["n"], *more)
        assert f"doorstep set medication/{medication}" in refused["next"], refused
    assert agency.ben.json("status")["pending"] == "0"
    agency.exchange()
    assert agency.everywhere("medication", medication, "dose") == ["1000"] * 3


@promise("words that were merged say whose record it is, and where a conflict is open about them")
def _(world):
    agency = Agency(world)
    note = agency.ana.json("note", "add", "--patient", agency.patient, text="Walks with a stick. Takes 5 mg. Sleeps well.")["id"]
    agency.exchange()
    agency.ben("note", "edit", note, text="Walks with a stick. Takes 10 mg. Sleeps well.")
    agency.ana("note", "edit", note, text="Walks with a stick. Takes 20 mg. Sleeps well. Her son calls.")
    agency.ben("sync")
    agency.ana("sync")
    told = newest(agency.ana)
    assert (told["record"], told["patient"], told["patient_name"]) == (note, agency.patient, "Zoë Müller"), told
    assert told["outcome"] == "merged" and told["what"].startswith("Merged with others’ words: "), told
    assert "; a conflict is open about " in told["what"] and told["next"] == "doorstep conflicts", told
    assert f"Zoë Müller, note/{note}" in agency.ana("outcomes").out
    agency.ana("decide", conflict_of(agency.ana, note), "--keep", "other")
    agency.ana("sync")
    (told,) = [row for row in agency.ana.json("outcomes") if row["n"] == told["n"]]
    assert "conflict" not in told["what"] and told["next"] is None, told


# --- taking a value back


@promise("a care manager takes a lost value back by its number, as an edit that has seen what stands")
def _(world):
    agency = Agency(world)
    task = agency.create(agency.ana, "task", title="Call", notes="a")
    edit(agency.ana, "UPDATE task SET title='Call Ida' WHERE id=?", task)
    agency.ana("sync")
    (number,) = [row["n"] for row in agency.ana.json("outcomes")[:1]]
    edit(agency.ben, "UPDATE task SET title='Call nobody' WHERE id=?", task)
    agency.exchange()
    agency.ben("set", f"task/{task}", "title=Call Otto")
    agency.exchange()
    refused = agency.ana.failure("restore-value", number)
    assert "--group" in refused["next"], refused  # it stood once: that must be meant
    said = agency.ana("restore-value", number, "--group", "title").out
    assert "Saved on this tablet" in said and "Call Ida" in said, said
    agency.exchange()
    assert agency.everywhere("task", task, "title") == ["Call Ida"] * 3
    past = rows(agency, "task", task)
    assert past[-1][4] == past[1][0], past
    assert f"(the value of change {past[1][0]} again)" in agency.centre("history", f"task/{task}").out
    assert "already" in agency.ana.failure("restore-value", number, "--group", "title")["what"]
    for words, code in (("0", 2), ("x", 2), ("999", 1)):
        agency.ana.failure("restore-value", words, code=code)
    agency.centre("verify")


@promise("the value that lost against another's guarded one is taken back by itself, without naming its group")
def _(world):
    agency = Agency(world)
    medication = fight(agency)
    agency.ana("restore-value", newest(agency.ana)["n"])
    agency.exchange()
    assert agency.everywhere("medication", medication, "dose") == ["1000"] * 3
    assert rows(agency, "medication", medication)[-1][1:3] == ("Ana", "1000")


@promise("a supervisor restores a superseded value under their own name, and history shows which change it restores")
def _(world):
    agency = Agency(world)
    medication = fight(agency)
    lost = rows(agency, "medication", medication)[-1]
    assert lost[2:4] == ("1000", "superseded")
    done = agency.centre.json("restore-value", f"medication/{medication}", "--change", lost[0], "--as", "sue")
    assert (done["restores"], done["group"]) == (lost[0], "record")
    last = rows(agency, "medication", medication)[-1]
    assert last == (done["seq"], "Sue Lind", "1000", "accepted", lost[0]), last
    agency.exchange()
    assert agency.everywhere("medication", medication, "dose") == ["1000"] * 3
    assert "all that this change set" in agency.centre.failure("restore-value", f"medication/{medication}", "--change",
                                                               lost[0])["what"].lower()
    # The first value stood once: it may stand again.
    first = rows(agency, "medication", medication)[0]
    agency.centre("restore-value", f"medication/{medication}", "--change", first[0], "--group", "record")
    assert agency.at_centre("medication", medication)["dose"] == "500"
    agency.centre("verify")


@promise("no value is restored into a closed record, of another record's change, or of one that was never taken")
def _(world):
    agency = Agency(world)
    note = agency.ana.json("note", "add", "--patient", agency.patient, text="First.")["id"]
    agency.exchange()
    agency.ana("note", "edit", note, text="Second.")
    agency.exchange()
    first = rows(agency, "note", note)[0][0]
    agency.ana("note", "sign", note)
    agency.exchange()
    refused = agency.centre.failure("restore-value", f"note/{note}", "--change", first, "--group", "observed")
    assert "closed" in refused["what"] and "addend" in refused["next"], refused
    task = agency.create(agency.ana, "task", title="Call")
    assert "no such change" in agency.centre.failure("restore-value", f"task/{task}", "--change", first)["what"]
    agency.centre.failure("restore-value", f"task/{task}", code=2)
    agency.centre.failure("restore-value", f"task/{task}", "--change", "x", code=2)
    task_change = rows(agency, "task", task)[0][0]
    assert "nothing of that name" in agency.centre.failure("restore-value", f"task/{task}", "--change", task_change,
                                                           "--group", "nonsense")["what"]
    assert "already" in agency.centre.failure("restore-value", f"task/{task}", "--change", task_change, "--group",
                                              "title")["what"]


if __name__ == "__main__":
    run_all()
