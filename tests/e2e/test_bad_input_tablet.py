#!/usr/bin/python3
"""Everything bad that can come to a tablet, and what `doorstep` says of it: the tablet's part of
packaging/troubleshooting.md. Whatever it is, nothing that was written is lost, and once it is over everything arrives."""
import fcntl
import shutil
import socket
import threading
import time

from doorstep_e2e import Tablet, helper
from doorstep_proof import records
from doorstep_relay import ENVELOPE
from doorstep_trouble import PATIENT, Disk, DiskTablet, Front, Ground, answers, noise, other_secret, run_rows, set_url

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}
NOWHERE = "00000000-0000-4000-8000-0000000000f1"


# --- enrolment ------------------------------------------------------------------------------------------------------


@answers("a code that can't be used enrols nothing, leaves the folder as it was, and can be followed by a good one")
def _(world, say):
    centre, other = world.centre(), world.centre(name="Other agency", folder="other")
    for one in (centre, other):
        one("user", "add", "ana", "--name", "Ana", "--role", "care-manager")
    new, code = world.empty_tablet("new"), centre.code("ana")
    say.private.append(code)

    def refused(name, url, text, tablet=new):
        say(name, tablet, "enrol", url, "-", text=text + "\n")
        assert tablet.failure("status")["what"], "no tablet has come of it"

    refused("a code mistyped", centre.url, code[:-3])
    refused("no code given", centre.url, "")
    refused("an address that is none", "http://127.0.0.1:1/x", code)
    refused("a code that nobody made", centre.url, other_secret(code))
    refused("a code of another centre", centre.url, other.code("ana"))
    old = centre.code("ana")
    world.run(["sqlite3", centre.database, ".timeout 5000", "UPDATE code SET expires_ms = 1 WHERE device IS NULL OR device = 0"])
    refused("a code that has expired", centre.url, old)
    code = centre.code("ana")
    say.private.append(code)
    new.enrol(centre.url, code)
    refused("a code used by another tablet", centre.url, code, world.empty_tablet("second"))
    say("a tablet that is enrolled already", new, "enrol", centre.url, "-", text=centre.code("ana") + "\n")
    new("sync")


@answers("before the centre has proven who it is, what answers in its place is believed no word, and is sent no code")
def _(world, say):
    centre = world.centre()
    centre("user", "add", "ana", "--name", "Ana", "--role", "care-manager")
    new, code = world.empty_tablet("new"), centre.code("ana")
    say.private += [code, "mallory"]
    lie = b'{"what": "mallory", "safe": "mallory", "next": "Ring mallory"}'
    message = {"Content-Type": "application/vnd.doorstep.message"}
    enrol = ("enrol", None, "-")
    with Front(centre) as front:
        for name, reply in {
            "enrolling: a page in place of the centre": (200, HTML, b"<h1>Hi!</h1>"),
            "enrolling: another machine says it is busy": (503, JSON, lie),
            "enrolling: what answers is no centre": (200, message, b"\x81\x00\xa1x"),
        }.items():
            front.reply = reply
            say(name, new, enrol[0], front.url, enrol[2], text=code + "\n")
    centre.stop()
    say("enrolling: nobody listens", new, "enrol", centre.url, "-", text=code + "\n")
    centre.start()
    new.enrol(centre.url, code)


# --- whom the tablet talks to ----------------------------------------------------------------------------------------


def with_keys_of(world, ground, days):
    """The centre has a certificate made so many days ago, and goes on with it."""
    ground.centre.stop()
    folder = world.folder / f"aged{days}"
    world.run([helper("make_keys"), folder, days, "127.0.0.1"])
    for name in ("centre.pem", "centre.key", "ca.pem"):
        shutil.copy(folder / name, ground.centre.folder / "keys" / name)
    (ground.centre.folder / "keys/given").touch()
    shutil.copy(folder / "ca.pem", ground.ana.folder / "keys/ca.pem")
    ground.centre.start()


@answers("by a wrong clock of the tablet a good certificate looks over, or not begun: the clock is named")
def _(world, say):
    ground = Ground(world)
    for name, days in {"the tablet's clock is ahead, or the certificate is over": 398,
                       "the tablet's clock is behind, or the certificate has not begun": -2}.items():
        with_keys_of(world, ground, days)
        with ground.unharmed():
            say(name, ground.ana, "sync")
    with_keys_of(world, ground, 1)
    ground.mended()


@answers("whoever is not the centre gets nothing, and the tablet says what is wrong with it")
def _(world, say):
    ground = Ground(world)
    ana, centre = ground.ana, ground.centre
    other = world.centre(name="Other agency", folder="other")
    elsewhere = world.proxy(centre.port, host="127.0.0.2")
    with socket.create_server(("127.0.0.1", 0)) as portal, socket.create_server(("127.0.0.1", 0)) as closed, \
            ground.unharmed():
        page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nHi!\n"
        threading.Thread(target=answer_plainly, args=(portal, page), daemon=True).start()
        nobody = f"https://127.0.0.1:{closed.getsockname()[1]}"
        closed.close()
        for name, url in {
            "another centre, or a machine that reads along": other.url,
            "a name that is not in the certificate": elsewhere.url,
            "a name that can't be found": "https://centre.invalid:8443",
            "nobody listens": nobody,
            "a sign-in page without TLS": f"https://127.0.0.1:{portal.getsockname()[1]}",
        }.items():
            set_url(ana, url)
            say(name, ana, "sync")
        portal.shutdown(socket.SHUT_RDWR)
    set_url(ana, centre.url)
    ground.mended()


def answer_plainly(listener, body):
    """A machine that speaks plain HTTP to whoever comes, as sign-in pages of networks do."""
    while True:
        try:
            visitor, _ = listener.accept()
        except OSError:
            return
        with visitor:
            visitor.recv(4096)
            visitor.sendall(body)


# --- answers that are none --------------------------------------------------------------------------------------------

PORTAL = {"a page in place of the answer": (200, {}), "an empty answer (204)": (204, {}),
          "a redirection (302)": (302, {"Location": "https://portal.example/"}), "network sign-in required (511)": (511, {})}
CODES = {code: f"answered {code}" for code in (400, 401, 403, 404, 409, 413, 421, 426)}
LATER = {code: f"answered {code}" for code in (429, 500, 502, 503, 504)}


@answers("an HTTP status that is no answer, with or without Retry-After, loses nothing and says what it means")
def _(world, say):
    ground = Ground(world)
    with Front(ground.centre) as front:
        set_url(ground.ana, front.url)
        with ground.unharmed():
            for name, (code, headers) in PORTAL.items():
                front.reply = (code, {**HTML, **headers}, b"" if code == 204 else b"<h1>Hi!</h1>")
                say(name, ground.ana, "sync")
            for code, name in {**CODES, **LATER}.items():
                front.reply = (code, HTML, b"<h1>Hi!</h1>")
                say(name, ground.ana, "sync")
                front.reply = (code, {**HTML, "Retry-After": "90"}, b"<h1>Hi!</h1>")
                say(f"{name} with Retry-After" if code in LATER else name, ground.ana, "sync")
            front.reply = (503, {**JSON, "Retry-After": "90"}, b'{"what": "We move house.", "next": "Come on Monday."}')
            say("answered 503 by the centre itself", ground.ana, "sync")
        set_url(ground.ana, ground.centre.url)
    ground.mended()


@answers("an answer that is cut, altered, stale, another centre's or of another version changes nothing")
def _(world, say):
    ground = Ground(world)
    other = Ground(world_beside(world))
    kind = {"Content-Type": ENVELOPE}
    try:
        with Front(ground.centre) as front, Front(other.centre) as theirs:
            set_url(ground.ana, front.url)
            set_url(other.ana, theirs.url)
            for tablet in (ground.ana, other.ana):
                tablet("sync")
            ground.write()
            stale, foreign = front.relay.answers[-1], theirs.relay.answers[-1]

            def with_answer(change):
                return lambda body: (200, kind, change(front.relay.ask(body)))

            def version_two(answer):
                return answer[:3] + b"\2" + answer[4:]

            with ground.unharmed():
                for name, change in {
                    "an answer cut by a machine on the way": lambda answer: answer[:-1],
                    "an answer altered on the way": lambda answer: answer[:-9] + bytes([answer[-9] ^ 1]) + answer[-8:],
                    "an answer to an earlier request": lambda _: stale,
                    "an answer of another centre": lambda _: foreign,
                    "an answer shorter than any is": lambda answer: answer[:40],
                    "an answer of another version of the wire": version_two,
                    "an answer larger than any is": lambda _: bytes(1048577),
                }.items():
                    front.reply = with_answer(change)
                    say(name, ground.ana, "sync")
                front.reply = lambda body: (200, {**kind, "Content-Length": "5000"}, front.relay.ask(body)) and cut(front)
                say("an answer that breaks off", ground.ana, "sync")
            set_url(ground.ana, ground.centre.url)
        ground.mended()
    finally:
        other.world.close()


def cut(front):
    """Promise more than there is, and hang up."""
    return (200, {"Content-Type": ENVELOPE, "Content-Length": "5000", "Connection": "close"}, b"DSa\1")


def world_beside(world):
    return type(world)()


@answers("where a machine on the way takes no large request, smaller ones are sent; one change too large stays and is told")
def _(world, say):
    ground = Ground(world)
    for number in range(12):
        ground.ana("note", "add", "--patient", ground.patient, text=f"Denies pain {number} " + noise(6000, number))
    with Front(ground.centre) as front:
        set_url(ground.ana, front.url)
        front.reply = lambda body: (413, HTML, b"") if len(body) > 24000 else None
        report = ground.ana.json("sync")
        assert report["pending"] == "0" and int(report["requests"]) > 4, report
        ground.ana("note", "add", "--patient", ground.patient, text="Denies pain " + noise(60000))
        with ground.unharmed():
            say("one change larger than a machine on the way takes", ground.ana, "sync")
        set_url(ground.ana, ground.centre.url)
    ground.mended()


# --- the disk, and the file ---------------------------------------------------------------------------------------------


@answers("on a full disk nothing that was saved is lost, what is new is refused, and all goes on once there is room")
def _(world, say):
    disk = Disk(world)
    ground = Ground(world, tablet=DiskTablet(disk, world))
    ana, long = ground.ana, "Denies pain " + noise(200000)
    ana("note", "add", "--patient", ground.patient, text=long)
    with ground.unharmed():
        disk.fill(database=ana.database)
        say("disk full: saving by a command", ana, "note", "add", "--patient", ground.patient, text=long)
        say("disk full: saving by plain SQL", ana, "sql", "-",
            text=f"INSERT INTO note(patient, observed) VALUES('{ground.patient}', '{long}')")
        say("disk full: sending", ana, "sync")
        disk.clear()
    ground.mended()
    ben = world.tablet(ground.centre, "ben")
    ground.centre("assign", "--user", "ben", "--patient", ground.patient)
    ben("sync")
    for number in range(3):
        ben("note", "add", "--patient", ground.patient, text=noise(250000, number))
        ben("sync")
    ground.write()
    ana("sql", "SELECT 1")
    with ground.unharmed():
        disk.fill(leave=200, database=ana.database)
        say("disk full: taking in what the centre has", ana, "sync")
        assert ana.read("SELECT count(*) FROM ds_journal WHERE state = 0") == [(1,)], "it was sent, and its answer came"
        disk.clear()
    ground.mended()


@answers("a tablet that can't be set up for lack of room has used up no code")
def _(world, say):
    disk = Disk(world)
    centre = world.centre()
    centre("user", "add", "ana", "--name", "Ana", "--role", "care-manager")
    code, tablet = centre.code("ana"), DiskTablet(disk, world)
    say.private.append(code)
    disk.fill()
    say("disk full: enrolling", tablet, "enrol", centre.url, "-", text=code + "\n")
    disk.clear()
    tablet.enrol(centre.url, code)
    tablet("sync")


@answers("a folder that may not be written to keeps all it has and refuses what is new")
def _(world, say):
    disk = Disk(world)
    ground = Ground(world, tablet=DiskTablet(disk, world))
    before = ground.state()
    disk.remount("ro")
    say("read-only: saving by a command", ground.ana, "set", f"patient/{ground.patient}", "phone=1")
    say("read-only: saving by plain SQL", ground.ana, "sql", f"UPDATE patient SET phone='1' WHERE id='{ground.patient}'")
    say("read-only: syncing", ground.ana, "sync")
    disk.remount("rw")
    assert ground.state() == before
    ground.mended()


@answers("a replica that is damaged, newer, or without its keys is left as it is")
def _(world, say):
    ground = Ground(world)
    ana = ground.ana
    before = ground.state()
    ana.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = ana.replica.read_bytes()
    for name, damaged in {"the replica's beginning is overwritten": b"\0" * 4096 + whole[4096:],
                          "pages of the replica are overwritten": whole[:4096] + b"\xff" * (len(whole) - 4096)}.items():
        ana.replica.write_bytes(damaged)
        say(name, ana, "status")
        assert ana.replica.read_bytes() == damaged, "the file is kept as it is, for whoever can save something of it"
    ana.replica.write_bytes(whole)
    for end in ("-wal", "-shm"):
        ana.replica.with_name(ana.replica.name + end).unlink(missing_ok=True)
    ana.sql("UPDATE ds_meta SET value = value + 100 WHERE key = 'schema_version'")
    say("a replica of a newer version", ana, "sync")
    ana.sql("UPDATE ds_meta SET value = value - 100 WHERE key = 'schema_version'")
    seed = ana.folder / "keys/tablet.seed"
    kept = seed.read_bytes()
    seed.write_bytes(kept[:5])
    say("a key file is damaged", ana, "sync")
    seed.unlink()
    say("the key files are gone", ana, "sync")
    seed.write_bytes(kept)
    (ana.folder / "doorstep.conf").write_text("stall = soon\n", encoding="ascii")
    say("a setting that can't be", ana, "sync")
    (ana.folder / "doorstep.conf").unlink()
    assert ground.state() == before
    ground.mended()


@answers("two of Doorstep at one replica: the second one waits, or says who is at work")
def _(world, say):
    ground = Ground(world)
    with ground.unharmed():
        with open(ground.ana.folder / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            say.json("another program is syncing", ground.ana, "sync")
        (ground.ana.folder / "doorstep.conf").write_text("rest = 3600\npoll = 3600\n", encoding="ascii")
        with open(ground.ana.folder / "run.lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            say("a second `doorstep run`", ground.ana, "run")
        (ground.ana.folder / "doorstep.conf").unlink()
        writer = world.spawn(["sqlite3", ground.ana.replica], stdin=-1, encoding="utf-8")
        writer.stdin.write("BEGIN IMMEDIATE;\n.shell touch " + str(world.folder / "locked") + "\n")
        writer.stdin.flush()
        while not (world.folder / "locked").exists():
            time.sleep(0.01)
        say.json("a program that leaves its transaction open", ground.ana, "set", f"patient/{ground.patient}", "phone=1")
        writer.stdin.close()
        writer.wait()
    ground.mended()


# --- values, words, rights --------------------------------------------------------------------------------------------


@answers("a value that a field can't hold is refused by commands, with what it takes")
def _(world, say):
    ground = Ground(world)
    ana, patient = ground.ana, f"patient/{ground.patient}"
    with ground.unharmed():
        for name, field in {
            "text that is not UTF-8": b"phone=\xff\xfe", "text that is too long": b"language=" + b"x" * 65,
            "a date that is none": b"birth_date=1948-02-30", "a yes or no that is neither": b"interpreter=perhaps",
            "a word that is not in the list": b"gender=robot", "an id that is none": b"photo=abc",
            "a field that there is not": b"fone=1", "a field without a value": b"phone",
            "a field that the centre writes": f"linked_to={NOWHERE}".encode(),
        }.items():
            say(name, ana, "set", patient, field.decode("utf-8", "surrogateescape"), code=2 if name.endswith("a value") else 1)
        say("text with a NUL", ana, "set", patient, "phone=-", text="12\0 34\n")
        note, most = ("note", "add", "--patient", ground.patient), "Denies pain " * 21846
        say("a note over its limit", ana, *note, text=most[:262145])
        say("a note far over its limit", ana, *note, text=most * 2)
        say("a time that is none", ana, "visit", "add", "--patient", ground.patient, "--at", "noon")
        say("a number out of range", ana, "visit", "add", "--patient", ground.patient, "--at", "2026-11-23T08:30",
            "--minutes", "0", code=2)
    ana(*note, text=most[:262144])
    ground.mended()


@answers("what plain SQL may not do is refused; what a field can't hold stays, is not sent, and is told")
def _(world, say):
    ground = Ground(world)
    ana, one = ground.ana, f"WHERE id = '{ground.patient}'"
    with ground.unharmed():
        for name, statement in {
            "SQL: text where a number is kept": f"UPDATE patient SET interpreter = 'perhaps' {one}",
            "SQL: an id that is none": f"INSERT INTO task(id, patient, title) VALUES('abc', '{ground.patient}', 'x')",
            "SQL: the id of a record changed": f"UPDATE patient SET id = '{NOWHERE}' {one}",
            "SQL: records of the centre": f"INSERT INTO worker(id, name) VALUES('{NOWHERE}', 'x')",
            "SQL: the bookkeeping, or the database's shape": "DELETE FROM ds_journal",
            "SQL: words that are no statement": "SELEC 1",
        }.items():
            say(name, ana, "sql", statement)
        say("SQL: several statements", ana, "sql", "SELECT 1; SELECT 2", code=2)
    for name, value in {"SQL: text that is not UTF-8": "CAST(x'ff' AS TEXT)", "SQL: text with a NUL": "CAST(x'410041' AS TEXT)",
                        "SQL: a text that is too long": "printf('%.*c', 65, 'x')"}.items():
        ana.sql(f"UPDATE patient SET phone = {value} {one}")
        report = ana.json("sync")
        assert report["held"] == "0", report
        held = ana.json("held")
        assert [row["state"] for row in held] == ["attention"], held
        say.parts(name, {**held[0], "safe": said_by_sync(ana)})
        assert ana.sql(f"SELECT phone IS {value} FROM patient {one}") == [["1"]], "what was written stays in the row"
    ground.mended()


def said_by_sync(tablet):
    return tablet("sync").out.splitlines()[-1]


@answers("what is no command, option, kind or argument does nothing and says how it is written")
def _(world, say):
    ground = Ground(world)
    ana = ground.ana
    with ground.unharmed():
        for name, words in {
            "a command that there is not": ["synchronise"],
            "half a command": ["note"],
            "an option that there is not": ["sync", f"--nmae={PATIENT}"],
            "an argument too many": ["patient", "add", "--name", "X", *(f"phone={i}" for i in range(64)), PATIENT],
            "an argument that is missing": ["show"],
            "whose record is not said": ["task", "add", "-"],
        }.items():
            say(name, ana, *words, code=2, text="Call\n")
        result = world.run([ana.path, "task", "add", "-", "--patient"], code=None, extra={"DOORSTEP_HOME": ana.folder})
        say.line("an option without its value", result, code=2)
        say("a kind that there is not", ana, "show", f"pateint/{ground.patient}")
        say("a record that is not named", ana, "show", ground.patient)
        say("a record that is not here", ana, "show", f"note/{NOWHERE}")
        say("a conflict's decision that is none", ana, "decide", NOWHERE, "--keep", "both", code=1)
        say("a file that is not there", ana, "set", f"patient/{ground.patient}", "phone=@/nonexistent")
    say("a tablet that is not enrolled", Tablet(world, world.folder / "empty"), "status")
    ground.mended()


@answers("a tablet may not write what only the centre writes")
def _(world, say):
    ground = Ground(world)
    worker = ground.ana.read("SELECT id FROM worker")[0][0]
    with ground.unharmed():
        say("records of the centre, by a command", ground.ana, "set", f"worker/{worker}", "name=X")
    ground.mended()


@answers("a tablet that the centre does not know keeps everything and is told so")
def _(world, say):
    ground = Ground(world)
    device, database = ground.ana.json("status")["device"], ["sqlite3", ground.centre.database, ".timeout 5000"]
    with ground.unharmed():
        world.run([*database, f"UPDATE device SET public_key = zeroblob(32) WHERE device = {device}"])
        say("a tablet unknown to the centre", ground.ana, "sync")


@answers("what a withdrawn tablet sends is held for a supervisor, and the tablet is told so")
def _(world, say):
    ground = Ground(world)
    device, mine = ground.ana.json("status")["device"], records(ground.ana)
    ground.centre("device", "revoke", device)
    say("a tablet withdrawn from use", ground.ana, "sync")
    assert records(ground.ana) == mine and ground.ana.json("status")["pending"] == "0"
    held = ground.centre.json("held")
    assert len(held) > 0 and {one["reason"] for one in held} == {"withdrawn"}
    for one in held:
        ground.centre("held", "accept", one["id"], "--as", "sue")
    ground.centre("device", "allow", device)
    ground.mended()


if __name__ == "__main__":
    run_rows("On a tablet")
