#!/usr/bin/python3
"""A patient is handed over while the former care manager's tablet is out of reach: nothing of its work is stranded."""
import sqlite3
import uuid

from doorstep_e2e import promise, run_all, wait_until

TITLE = "Received after handover: look it over"


def edit(tablet, statement, *values):
    """Plain SQL, as any program on the tablet may write it."""
    with sqlite3.connect(tablet.replica, timeout=30) as database:
        database.execute(statement, values)
    database.close()


class Scene:
    """Ana has the patient, and a task about them on her tablet; Ben is going to have them."""

    def __init__(self, world):
        self.centre = world.centre()
        self.proxy = world.proxy(self.centre.port)
        self.centre("user", "add", "sue", "--name", "Sue Lind", "--role", "supervisor")
        self.ana = world.tablet(self.centre, "ana", url=self.proxy.url)
        self.ben = world.tablet(self.centre, "ben")
        self.patient = self.centre.json("patient", "add", "--name", "Zoë Müller")["id"]
        self.centre("assign", "--user", "ana", "--patient", self.patient)
        self.ana("sync")
        self.task = self.add_task("Call the pharmacy")
        self.ana("sync")

    def add_task(self, title):
        task = str(uuid.uuid4())
        edit(self.ana, "INSERT INTO task(id,patient,title) VALUES(?,?,?)", task, self.patient, title)
        return task

    def write(self, notes):
        edit(self.ana, "UPDATE task SET notes=? WHERE id=?", notes, self.task)

    def hand_over(self):
        self.centre("assign", "--user", "ben", "--patient", self.patient)
        self.centre("unassign", "--user", "ana", "--patient", self.patient)

    def notes(self):
        return self.centre.json("show", f"task/{self.task}")["notes"]

    def telling(self, program):
        """Tasks that tell of late work, as this program lists them."""
        return program.read("SELECT coalesce(status,'open') FROM task WHERE title=? ORDER BY id", TITLE)

    def after_handover(self, record):
        rows = self.centre.json("history", record)
        return [row["after_handover"] == "true" for row in rows]


@promise("a visit written out of reach is taken after the handover, marked, and whoever has the patient now finds a task")
def _(world):
    it = Scene(world)
    visit = str(uuid.uuid4())
    edit(it.ana, "INSERT INTO visit(id,patient,purpose) VALUES(?,?,'Look in')", visit, it.patient)
    it.write("Refill is ready.")
    it.hand_over()
    it.ben("sync")
    assert it.telling(it.ben) == []
    it.ana("sync")
    assert it.notes() == "Refill is ready."
    assert it.centre.json("held") == [] and it.ana.json("status")["held"] == "0"
    assert {row["outcome"] for row in it.ana.json("outcomes", "--all")} == {"received"}
    assert it.after_handover(f"task/{it.task}")[-1] and not it.after_handover(f"task/{it.task}")[0]
    assert all(it.after_handover(f"visit/{visit}"))
    assert ", after handover" in it.centre("history", f"task/{it.task}").out
    it.ben("sync")
    assert it.telling(it.ben) == [("open",)]
    assert [row["title"] for row in it.ben.json("task", "list") if row["title"] == TITLE] == [TITLE]
    assert it.ben.read("SELECT notes FROM task WHERE id=?", it.task) == [("Refill is ready.",)]
    assert it.ben.read("SELECT purpose FROM visit WHERE id=?", visit) == [("Look in",)]
    it.centre("verify")


@promise("what was typed while the answer that tells of the handover was on its way is taken, what is typed after it is held")
def _(world):
    it = Scene(world)
    it.hand_over()
    it.write("Refill is ready.")
    it.proxy.hold()
    process = it.ana.begin("sync")
    wait_until(it.proxy.asking, "the request reaches the centre")
    it.write("Refill is ready. She has it.")
    it.proxy.release()
    it.ana.end(process)
    assert it.ana.read("SELECT count(*) FROM ds_dirty") == [(0,)]
    it.ana("sync")
    assert it.notes() == "Refill is ready. She has it."
    assert it.centre.json("held") == []
    it.write("Refill is ready. She has it. And I came by again.")
    it.ana("sync")
    assert it.notes() == "Refill is ready. She has it."
    held = it.centre.json("held")
    assert len(held) == 1, held
    it.centre("held", "accept", held[0]["id"], "--as", "sue")
    assert it.notes() == "Refill is ready. She has it. And I came by again."
    assert not it.after_handover(f"task/{it.task}")[-1]
    it.centre("verify")


@promise("killed and cut at every stage of a handover, it ends the same")
def _(world):
    it = Scene(world)
    it.write("Refill is ready.")
    it.centre("assign", "--user", "ben", "--patient", it.patient)
    it.centre.kill()
    it.centre("unassign", "--user", "ana", "--patient", it.patient)
    it.centre.start()
    # The request does not arrive whole, the answer is cut, the centre dies with the answer on its way, the tablet does.
    it.proxy.cut_up = 900
    it.ana("sync", code=1)
    it.proxy.reset()
    it.proxy.cut_answer = 40
    it.ana("sync", code=1)
    it.proxy.reset()
    for victim in ("centre", "tablet"):
        it.proxy.hold()
        process = it.ana.begin("sync")
        wait_until(it.proxy.asking, "the request reaches the centre")
        if victim == "centre":
            it.centre.kill()
            it.proxy.cut()
            it.ana.end(process, code=1)
            it.centre.start()
        else:
            process.kill()
            process.communicate()
        it.proxy.reset()
    it.ana("sync")
    it.ben("sync")
    assert it.notes() == "Refill is ready."
    assert it.centre.json("held") == []
    assert it.centre.read("SELECT count(*) FROM history WHERE device=1 AND n=2") == [(1,)]
    assert it.telling(it.centre) == [("open",)] and it.telling(it.ben) == [("open",)]
    it.centre("verify")


if __name__ == "__main__":
    run_all()
