#!/usr/bin/python3
"""`doorstep run`: what it notices by itself, and that it is a good neighbour to every other program on the tablet."""
import signal
import time

from doorstep_e2e import promise, run_all, wait_until

PATIENT = "00000000-0000-4000-8000-0000000000aa"
FRAME = 4096 + 24


def settings(tablet, **values):
    text = "".join(f"{key} = {value}\n" for key, value in values.items())
    (tablet.folder / "doorstep.conf").write_text(text, encoding="ascii")


def running(world, proxied=False, **values):
    """A centre and a tablet with `doorstep run` at work, which has had its first answer."""
    centre = world.centre()
    tablet = world.tablet(centre, "ana")
    proxy = None
    if proxied:
        proxy = world.proxy(centre.port)
        tablet.sql(f"UPDATE ds_meta SET value = CAST('{proxy.url}' AS BLOB) WHERE key = 'url'")
    settings(tablet, **values)
    tablet.start()
    heard(tablet, 0)
    return centre, tablet, proxy


def last_down(tablet):
    rows = tablet.sql("SELECT value FROM ds_meta WHERE key = 'last_down_ms'")
    return int(rows[0][0]) if rows else 0


def heard(tablet, since):
    """Waits for an answer newer than this."""
    return wait_until(lambda: last_down(tablet) > since and last_down(tablet), f"an answer; {tablet.log()}")


def name_at(centre):
    patients = centre.json("patients")
    return patients[0]["name"] if patients else None


def at_centre(centre, name):
    wait_until(lambda: name_at(centre) == name, f"{name} at the centre")


def nothing_left(tablet):
    wait_until(lambda: tablet.json("status")["pending"] == "0", "nothing left to send")


@promise("what plain SQL writes while it runs reaches the centre by itself, and so does the next edit")
def _(world):
    centre, tablet, _ = running(world, rest=0, poll=3600)
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    at_centre(centre, "Zoë")
    tablet.sql("UPDATE patient SET name = 'Zoé'")
    at_centre(centre, "Zoé")
    nothing_left(tablet)


@promise("a record that is still being edited rests before it goes")
def _(world):
    centre, tablet, _ = running(world, rest=3, poll=3600)
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    began = time.monotonic()
    at_centre(centre, "Zoë")
    assert time.monotonic() - began > 2, "it went at once"


@promise("what others changed comes by itself")
def _(world):
    centre, tablet, _ = running(world, rest=0, poll=1)
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    at_centre(centre, "Zoë")
    other = world.tablet(centre, "ben")
    centre("assign", "--user", "ben", "--patient", PATIENT)
    other("sync")
    other("set", f"patient/{PATIENT}", "phone=044 000 00 00")
    other("sync")
    wait_until(lambda: tablet.sql("SELECT phone FROM patient")[0][0] == "044 000 00 00", "the phone number")


@promise("a second one is refused, and says that one is at work")
def _(world):
    _, tablet, _ = running(world)
    failure = tablet.failure("run")
    assert "already at work" in failure["what"], failure


@promise("`doorstep sync` works while it runs")
def _(world):
    centre, tablet, _ = running(world, rest=3600, poll=3600)
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    assert tablet.json("sync")["accepted"] == "1"
    assert name_at(centre) == "Zoë"
    assert tablet.process.poll() is None


@promise("it ends at once when it is told to, also in the middle of a sync that stands still")
def _(world):
    centre, tablet, _ = running(world)
    assert tablet.stop() == 0
    proxy = world.proxy(centre.port)
    tablet.sql(f"UPDATE ds_meta SET value = CAST('{proxy.url}' AS BLOB) WHERE key = 'url'")
    proxy.stall_down = 100
    for ending in (signal.SIGTERM, signal.SIGINT):
        proxy.bytes_down = 0
        tablet.start()
        wait_until(lambda: proxy.bytes_down >= 100, "a sync that stands still")
        began = time.monotonic()
        tablet.process.send_signal(ending)
        assert tablet.process.wait(30) == 0
        assert time.monotonic() - began < 5
        proxy.cut()


@promise("it goes on by itself when the centre was away")
def _(world):
    centre, tablet, _ = running(world, rest=0, poll=1)
    centre.kill()
    wait_until(lambda: tablet.json("status")["last_failure"], "the failure is shown")
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    centre.start()
    at_centre(centre, "Zoë")
    wait_until(lambda: not tablet.json("status")["last_failure"], "the failure is not shown any more")


@promise("when the centre refuses the cursor, everything is fetched anew at once")
def _(world):
    centre, tablet, _ = running(world, rest=0, poll=3600)
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    at_centre(centre, "Zoë")
    nothing_left(tablet)
    before = counter(tablet)
    tablet.sql("UPDATE ds_meta SET value = CAST('no cursor at all' AS BLOB) WHERE key = 'cursor';"
               " UPDATE patient SET name = 'Zoé'")
    wait_until(lambda: tablet.number("SELECT length(value) FROM ds_meta WHERE key = 'cursor'") > 16, "a cursor again")
    assert counter(tablet) == before + 2, "once"


@promise("one connection serves several syncs, and the second costs far less")
def _(world):
    centre, tablet, proxy = running(world, proxied=True, rest=0, poll=3600)
    first = proxy.bytes_down
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    at_centre(centre, "Zoë")
    nothing_left(tablet)
    assert proxy.connections == 1
    assert proxy.bytes_down - first < first / 2, (first, proxy.bytes_down)


def counter(tablet):
    return tablet.number("SELECT value FROM ds_meta WHERE key = 'counter'")


@promise("a kept connection that breaks under a request is replaced, the request made anew, and its change counts once")
def _(world):
    centre, tablet, proxy = running(world, proxied=True, rest=0, poll=3600)
    before = counter(tablet)
    proxy.on_bytes = lambda way, _total: proxy.cut() if proxy.connections == 1 and way == "up" else None
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    at_centre(centre, "Zoë")
    nothing_left(tablet)
    assert "not synced" not in tablet.log() and proxy.connections == 2
    assert counter(tablet) == before + 2, "each request has a number of its own"
    assert tablet.number("SELECT count(*) FROM ds_journal") == 1
    assert len(centre.json("history", f"patient/{PATIENT}")) == 1


@promise("a kept connection that breaks in the middle of a large request is replaced as well")
def _(world):
    centre, tablet, proxy = running(world, proxied=True, rest=0, poll=3600)
    passed = proxy.bytes_up
    proxy.on_bytes = lambda way, total: proxy.cut() if proxy.connections == 1 and total > passed + 20000 else None
    tablet.sql("WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 400) INSERT INTO"
               " patient(id, name, entry_notes) SELECT printf('00000000-0000-4000-8000-%012d', i), 'N',"
               " hex(randomblob(1000)) FROM n")
    nothing_left(tablet)
    assert "not synced" not in tablet.log() and proxy.connections == 2, tablet.log()
    assert len(centre.json("patients")) == 400


@promise("a kept connection that was cut meanwhile is replaced, and nobody notices")
def _(world):
    centre, tablet, proxy = running(world, proxied=True, rest=0, poll=3600)
    proxy.cut()
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    at_centre(centre, "Zoë")
    nothing_left(tablet)
    assert not tablet.json("status")["last_failure"]
    assert "not synced" not in tablet.log()
    assert proxy.connections == 2


@promise("the WAL is moved into the database early, also when nothing can be sent")
def _(world):
    centre, tablet, _ = running(world, rest=3600, poll=3600)
    centre.kill()
    wal = tablet.folder / "replica.db-wal"
    grown = 0
    for turn in range(40):
        tablet.sql("BEGIN; " + "".join(
            f"INSERT INTO patient(id, name, entry_notes) VALUES('00000000-0000-4000-8000-{turn * 10 + i:012d}', 'N',"
            f" '{'x' * 3000}');" for i in range(10)) + "COMMIT")
        grown = max(grown, wal.stat().st_size)
    assert grown > 200 * FRAME, grown
    wait_until(lambda: wal.stat().st_size < 200 * FRAME, "a small WAL")
    assert tablet.number("SELECT count(*) FROM patient") == 400
    assert tablet.sql("PRAGMA integrity_check")[0][0] == "ok"


@promise("triggers that another program dropped are put back, and people are told")
def _(world):
    _, tablet, _ = running(world, rest=3600, poll=3600)
    names = tablet.sql("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'patient' ORDER BY name")
    tablet.sql(f"DROP TRIGGER \"{names[0][0]}\"")
    wait_until(lambda: tablet.sql("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'patient'"
                                  " ORDER BY name") == names, "the trigger is back")
    assert tablet.number("SELECT count(*) FROM ds_notice") >= 1


@promise("nothing of a record is ever in its log")
def _(world):
    centre, tablet, _ = running(world, rest=0, poll=3600)
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë Unverwechselbar')")
    at_centre(centre, "Zoë Unverwechselbar")
    tablet.stop()
    assert "synced" in tablet.log()
    for log in (tablet.log(), centre.log()):
        assert "Unverwechselbar" not in log and "Zo" not in log, log


if __name__ == "__main__":
    run_all()
