#!/usr/bin/python3
"""Edits while a request is on its way, and what is and is not a change."""
import uuid

from doorstep_e2e import promise, run_all, wait_until
from doorstep_proof import Agency, check_all, history_count, settings, settle, sync_open


def new_id():
    return str(uuid.uuid4())


def task(agency, **values):
    """A task that both sides know. Its values are given as SQL."""
    tablet, task_id = agency.tablets["ana"], new_id()
    fields = {"title": "'First'", **values}
    tablet.sql(f"INSERT INTO task(id, patient, {', '.join(fields)}) VALUES('{task_id}', '{agency.patients[0]}',"
               f" {', '.join(fields.values())})")
    tablet("sync")
    return task_id


def at_centre(agency, column, task_id):
    rows = agency.centre.read(f"SELECT {column} FROM task WHERE id = ?", task_id)
    return rows[0][0] if rows else None


def story(agency, record, group):
    """(value, what became of it) of one group, oldest first."""
    return [(row["value"], row["became"]) for row in agency.centre.json("history", record) if row["group"] == group]


# --- edits in flight


@promise("an edit of a group that is on its way travels in the next request and stands, and so does one of another group")
def _(world):
    agency = Agency(world)
    ana, task_id = agency.tablets["ana"], task(agency)
    ana.sql(f"UPDATE task SET title = 'Second' WHERE id = '{task_id}'")
    process = sync_open(agency)
    ana.sql(f"UPDATE task SET title = 'Third', priority = 'high' WHERE id = '{task_id}'")
    assert at_centre(agency, "title", task_id) == "Second"
    agency.proxies["ana"].release()
    ana.end(process)
    assert ana.read("SELECT title, priority FROM task") == [("Third", "high")], "an answer took back what was typed later"
    ana("sync")
    assert story(agency, f"task/{task_id}", "title") == [(title, "accepted") for title in ("First", "Second", "Third")]
    assert story(agency, f"task/{task_id}", "priority")[-1] == ("high", "accepted")
    assert not agency.centre.json("conflicts", "--open")
    settle(agency)
    check_all(agency)


@promise("an edit made in flight keeps what others sent meanwhile waiting beside it, and neither is lost")
def _(world):
    agency = Agency(world, ("ana", "ben"))
    ana, ben, task_id = agency.tablets["ana"], agency.tablets["ben"], task(agency, notes="'Old'")
    ben("sync")
    ana.sql(f"UPDATE task SET title = 'Second' WHERE id = '{task_id}'")
    ben.sql(f"UPDATE task SET notes = 'Ben' WHERE id = '{task_id}'")
    ben("sync")
    process = sync_open(agency)
    ana.sql(f"UPDATE task SET notes = 'Ana' WHERE id = '{task_id}'")
    agency.proxies["ana"].release()
    ana.end(process)
    settle(agency)
    # Narrative that both changed: the centre's stands, the other is kept, a person decides.
    assert story(agency, f"task/{task_id}", "notes")[1:] == [("Ben", "accepted"), ("Ana", "superseded")]
    assert ana.read("SELECT title, notes FROM task") == [("Second", "Ben")]
    assert len(agency.centre.json("conflicts", "--open")) == 1
    check_all(agency)


@promise("what is deleted while it is on its way is deleted, and what is made anew while its deletion is on its way stands")
def _(world):
    agency = Agency(world)
    ana, task_id = agency.tablets["ana"], task(agency)
    ana.sql(f"UPDATE task SET title = 'Second' WHERE id = '{task_id}'")
    process = sync_open(agency)
    ana.sql(f"DELETE FROM task WHERE id = '{task_id}'")
    agency.proxies["ana"].release()
    ana.end(process)
    ana("sync")
    assert ana.read("SELECT count(*) FROM task") == [(0,)]
    assert agency.centre.json("show", f"task/{task_id}")["deleted"] is True

    other = task(agency)
    ana.sql(f"DELETE FROM task WHERE id = '{other}'")
    process = sync_open(agency)
    ana.sql(f"INSERT INTO task(id, patient, title) VALUES('{other}', '{agency.patients[0]}', 'Again')")
    agency.proxies["ana"].release()
    ana.end(process)
    settle(agency)
    shown = agency.centre.json("show", f"task/{other}")
    assert (shown["deleted"], shown["title"]) == (False, "Again"), shown
    check_all(agency)


# --- values typed back


@promise("a value typed back before a sync is no change and sends nothing")
def _(world):
    agency = Agency(world)
    ana, task_id = agency.tablets["ana"], task(agency)
    before = history_count(agency.centre)
    for title in ("Second", "Third", "First"):
        ana.sql(f"UPDATE task SET title = '{title}' WHERE id = '{task_id}'")
    report = ana.json("sync")
    assert (report["sent"], report["pending"]) == ("0", "0"), report
    assert history_count(agency.centre) == before
    check_all(agency)


@promise("a value typed back while the other one is on its way is sent, and stands")
def _(world):
    agency = Agency(world)
    ana, task_id = agency.tablets["ana"], task(agency)
    ana.sql(f"UPDATE task SET title = 'Second' WHERE id = '{task_id}'")
    process = sync_open(agency)
    ana.sql(f"UPDATE task SET title = 'First' WHERE id = '{task_id}'")
    agency.proxies["ana"].release()
    ana.end(process)
    ana("sync")
    assert story(agency, f"task/{task_id}", "title") == [(title, "accepted") for title in ("First", "Second", "First")]
    settle(agency)
    assert ana.read("SELECT title FROM task") == [("First",)]
    check_all(agency)


@promise("a value typed back while the other one's answer is lost is sent too")
def _(world):
    agency = Agency(world)
    ana, task_id = agency.tablets["ana"], task(agency)
    ana.sql(f"UPDATE task SET title = 'Second' WHERE id = '{task_id}'")
    process = sync_open(agency)
    agency.proxies["ana"].cut()
    ana.end(process, code=1)
    agency.proxies["ana"].release()
    ana.sql(f"UPDATE task SET title = 'First' WHERE id = '{task_id}'")
    ana("sync")
    assert story(agency, f"task/{task_id}", "title") == [(title, "accepted") for title in ("First", "Second", "First")]
    settle(agency)
    check_all(agency)


@promise("thirty edits of one note between two syncs are one change")
def _(world):
    agency = Agency(world)
    ana = agency.tablets["ana"]
    note = ana.json("note", "add", "--patient", agency.patients[0], text="Walks\n")["id"]
    ana("sync")
    before, text = history_count(agency.centre), "Walks"
    for word in range(30):
        text += f" word {word}"
        ana.sql(f"UPDATE note SET observed = '{text}' WHERE id = '{note}'")
    report = ana.json("sync")
    assert (report["sent"], report["accepted"]) == ("1", "1"), report
    assert history_count(agency.centre) == before + 1
    assert agency.centre.json("show", f"note/{note}")["observed"] == text
    check_all(agency)


# --- stock sqlite3 at work during a sync

# Each form: what is there before it (None: no such record), the statement, what must be at the centre after it, as
# [title, notes, priority] of the record {t}; None: it is deleted, or never came.
FIRST = ["First", "Old", None]
FORMS = [
    ("INSERT", None, "INSERT INTO task(id, patient, title) VALUES({t}, {p}, 'New')", ["New", None, None]),
    ("INSERT OR REPLACE, new", None, "INSERT OR REPLACE INTO task(id, patient, title) VALUES({t}, {p}, 'New')",
     ["New", None, None]),
    ("INSERT OR REPLACE, there", FIRST, "INSERT OR REPLACE INTO task(id, patient, title) VALUES({t}, {p}, 'New')",
     ["New", None, None]),
    ("REPLACE", FIRST, "REPLACE INTO task(id, patient, title, notes) VALUES({t}, {p}, 'New', 'Old')", ["New", "Old", None]),
    ("INSERT OR IGNORE, new", None, "INSERT OR IGNORE INTO task(id, patient, title) VALUES({t}, {p}, 'New')",
     ["New", None, None]),
    ("INSERT OR IGNORE, there",
     FIRST, "INSERT OR IGNORE INTO task(id, patient, title) VALUES({t}, {p}, 'New')", FIRST),
    ("an upsert that updates", FIRST, "INSERT INTO task(id, patient, title) VALUES({t}, {p}, 'New')"
     " ON CONFLICT(id) DO UPDATE SET title = excluded.title", ["New", "Old", None]),
    ("an upsert that inserts", None, "INSERT INTO task(id, patient, title) VALUES({t}, {p}, 'New')"
     " ON CONFLICT(id) DO UPDATE SET title = 'Wrong'", ["New", None, None]),
    ("an upsert that does nothing", FIRST, "INSERT INTO task(id, patient, title) VALUES({t}, {p}, 'New')"
     " ON CONFLICT DO NOTHING", FIRST),
    ("UPDATE", FIRST, "UPDATE task SET title = 'New' WHERE id = {t}", ["New", "Old", None]),
    ("UPDATE OR REPLACE", FIRST, "UPDATE OR REPLACE task SET title = 'New' WHERE id = {t}", ["New", "Old", None]),
    ("UPDATE OR IGNORE", FIRST, "UPDATE OR IGNORE task SET title = 'New' WHERE id = {t}", ["New", "Old", None]),
    ("UPDATE FROM", FIRST, "UPDATE task SET title = x.y FROM (SELECT {t} AS i, 'New' AS y) AS x WHERE task.id = x.i",
     ["New", "Old", None]),
    ("UPDATE of several groups", FIRST, "UPDATE task SET title = 'New', priority = 'low', notes = NULL WHERE id = {t}",
     ["New", None, "low"]),
    ("UPDATE with the row's version", FIRST, "UPDATE task SET title = 'New' WHERE id = {t} AND version ="
     " (SELECT version FROM task WHERE id = {t})", ["New", "Old", None]),
    ("DELETE", FIRST, "DELETE FROM task WHERE id = {t}", None),
    ("DELETE, then INSERT", FIRST, "DELETE FROM task WHERE id = {t}; INSERT INTO task(id, patient, title)"
     " VALUES({t}, {p}, 'New')", ["New", None, None]),
    ("INSERT of several rows", None, "INSERT INTO task(id, patient, title) VALUES({t}, {p}, 'New'), ({u}, {p}, 'Too')",
     ["New", None, None]),
    ("INSERT SELECT", None, "INSERT INTO task(id, patient, title, notes) SELECT {t}, id, 'New', 'From' FROM patient"
     " WHERE id = {p}", ["New", "From", None]),
    ("a common table expression", None, "WITH w(x) AS (SELECT 'New') INSERT INTO task(id, patient, title)"
     " SELECT {t}, {p}, x FROM w", ["New", None, None]),
    ("BEGIN and COMMIT", FIRST, "BEGIN; UPDATE task SET title = 'New' WHERE id = {t};"
     " UPDATE task SET notes = 'Too' WHERE id = {t}; COMMIT", ["New", "Too", None]),
    ("BEGIN and ROLLBACK", FIRST, "BEGIN; UPDATE task SET title = 'New' WHERE id = {t}; ROLLBACK", FIRST),
]


def all_sent(tablet):
    wait_until(lambda: tablet.json("status")["pending"] == "0", f"nothing left to send; {tablet.log()}")


def pace(agency, pacer, turn):
    """An edit that `doorstep run` sends by itself; the answer to it is held back."""
    agency.proxies["ana"].hold()
    agency.tablets["ana"].sql(f"UPDATE task SET title = 'Turn {turn}' WHERE id = '{pacer}'")
    wait_until(lambda: at_centre(agency, "title", pacer) == f"Turn {turn}",
               f"turn {turn}: a sync under way; {agency.tablets['ana'].log()}")
    wait_until(agency.proxies["ana"].asking, f"turn {turn}: its answer held back")


def as_at_centre(agency, task_id):
    rows = agency.centre.read("SELECT t.title, t.notes, t.priority FROM task AS t JOIN record AS r"
                              " ON lower(hex(r.id)) = replace(t.id, '-', '') WHERE t.id = ? AND r.deleted = 0", task_id)
    return list(rows[0]) if rows else None


def run_form(agency, pacer, turn, name, given, statement, expected):
    ana, names = agency.tablets["ana"], {"t": new_id(), "u": new_id(), "p": agency.patients[0]}
    quoted = {key: f"'{value}'" for key, value in names.items()}
    if given is not None:
        ana.sql("INSERT INTO task(id, patient, title, notes) VALUES({t}, {p}, 'First', 'Old')".format(**quoted))
        all_sent(ana)
        assert as_at_centre(agency, names["t"]) == given, name
    pace(agency, pacer, turn)
    ana.sql(statement.format(**quoted))
    agency.proxies["ana"].release()
    all_sent(ana)
    found = as_at_centre(agency, names["t"])
    assert found == expected, f"{name}: at the centre {found}, expected {expected}"
    if "{u}" in statement:
        assert as_at_centre(agency, names["u"]) == ["Too", None, None], name


@promise("what stock sqlite3 writes during a sync of `doorstep run` travels, every form of statement")
def _(world):
    agency = Agency(world)
    ana, pacer = agency.tablets["ana"], task(agency)
    settings(ana, rest=0, poll=3600)
    ana.start()
    wait_until(lambda: "agent synced" in ana.log(), "its first sync, at the start, is over")
    for turn, form in enumerate(FORMS):
        run_form(agency, pacer, turn, *form)
    assert ana.stop() == 0
    assert agency.proxies["ana"].connections < len(FORMS), "syncs by one process over standing connections"
    settle(agency)
    assert not agency.centre.json("conflicts") and not agency.centre.json("held")
    check_all(agency)


if __name__ == "__main__":
    run_all()
