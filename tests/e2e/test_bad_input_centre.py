#!/usr/bin/python3
"""Everything bad that can come to a centre, and what `doorstepd` says of it: the centre's part of
packaging/troubleshooting.md. Whatever it is, nothing that was taken is lost, and the centre goes on."""
import gzip
import http.client
import json
import shutil
import socket
import ssl

from doorstep_e2e import Centre
from doorstep_proof import check_whole, history_count, records
from doorstep_trouble import PATIENT, Disk, DiskCentre, Ground, answers, noise, other_secret, run_rows

NOWHERE = "00000000-0000-4000-8000-0000000000f1"


def unchanged(ground):
    return history_count(ground.centre), records(ground.centre)


@answers("what is no command, option, record or argument of doorstepd does nothing and says how it is written")
def _(world, say):
    ground = Ground(world)
    centre, before = ground.centre, unchanged(ground)
    for name, words in {
        "doorstepd: a command that there is not": ["frobnicate"],
        "doorstepd: half a command": ["user"],
        "doorstepd: an option that there is not": ["patients", f"--nmae={PATIENT}"],
        "doorstepd: an argument too many": ["verify", PATIENT],
        "doorstepd: an argument that is missing": ["user", "add"],
        "doorstepd: a field that there is not": ["patient", "add", "--name", "-", f"fone={PATIENT}"],
        "doorstepd: whose caseload is not said": ["assign", "--patient", ground.patient],
        "an agency without a name": ["init"],
        "a time zone that there is not": ["init", "--name", "A", "--zone", "Mars/Olympus"],
    }.items():
        say(name, centre, *words, code=2, text=PATIENT)
    for name, words in {
        "doorstepd: no name of a record": ["show", "patient"],
        "doorstepd: a kind that there is not": ["show", f"pateint/{NOWHERE}"],
        "doorstepd: a record that there is not": ["show", f"patient/{NOWHERE}"],
        "doorstepd: a login that there is not": ["assign", "--user", "nobody", "--patient", ground.patient],
        "doorstepd: a number of no held change": ["held", "accept", "12"],
        "a centre made a second time": ["init", "--name", "A"],
    }.items():
        say(name, centre, *words)
    assert unchanged(ground) == before
    ground.mended()


@answers("a value that a field can't hold is refused at the centre, with what it takes")
def _(world, say):
    ground = Ground(world)
    centre, before = ground.centre, unchanged(ground)
    for name, field in {
        "centre: text that is not UTF-8": b"phone=\xff\xfe", "centre: text that is too long": b"language=" + b"x" * 65,
        "centre: a date that is none": b"birth_date=1948-02-30", "centre: a word that is not in the list": b"gender=robot",
        "centre: a yes or no that is neither": b"interpreter=perhaps",
    }.items():
        say(name, centre, "patient", "add", "--name", "-", field.decode("utf-8", "surrogateescape"), text=PATIENT)
    say("centre: text with a NUL", centre, "patient", "add", "--name", "X", "phone=-", text="12\0 34")
    visit = ["visit", "plan", "--patient", ground.patient, "--user", "ana", "--at"]
    say("centre: a time that is none", centre, *visit, "noon")
    cover = ["assign", "--user", "ana", "--patient", ground.patient, "--reason", "cover", "--until"]
    say("centre: a cover until a time that is none", centre, *cover, "noon")
    say("centre: a cover that ends before it begins", centre, *cover, "2100-01-01T08:00", "--from", "2100-01-02T08:00")
    say("centre: a cover that is over already", centre, *cover, "2020-01-01T08:00")
    say("centre: a number out of range", centre, *visit, "2026-11-23T08:30", "--minutes", "0", code=2)
    say("centre: a lifetime out of range", centre, "device", "code", "--user", "ana", "--lifetime", "0", code=2)
    user = ["--name", "Ben", "--role"]
    say("centre: a role that there is not", centre, "user", "add", "ben", *user, "queen")
    say("centre: a login that can't be", centre, "user", "add", "Ben Müller", *user, "care-manager")
    say("centre: a login that is taken", centre, "user", "add", "ana", *user, "care-manager")
    assert unchanged(ground) == before
    ground.mended()


@answers("a care manager may not act at the centre")
def _(world, say):
    ground = Ground(world)
    before = unchanged(ground)
    for words in (["assign", "--user", "ana", "--patient", ground.patient], ["unassign", "--user", "ana", "--all"],
                  ["patient", "add", "--name", "-"], ["patient", "close", "--patient", ground.patient, "--reason", "x"],
                  ["user", "add", "eve", "--name", "Eve", "--role", "admin"], ["held", "accept", "1"], ["held", "return", "1"],
                  ["visit", "plan", "--patient", ground.patient, "--user", "ana", "--at", "2026-11-23T08:30"],
                  ["decide", NOWHERE, "--keep", "other"], ["import", "fhir", "/dev/null"]):
        say("a care manager acting at the centre", ground.centre, *words, "--as", "ana", text=PATIENT)
    assert unchanged(ground) == before


@answers("a file that can't be imported is named, and nothing of it is taken")
def _(world, say):
    ground = Ground(world)
    before, bundle = unchanged(ground), json.dumps(bundle_of(1)).encode()
    for name, content in {
        "import: a file that is not there": None,
        "import: a file that is cut": bundle[:-20],
        "import: a gzip file that is cut": gzip.compress(bundle)[:-20],
        "import: text that is not UTF-8": bundle.replace(b"Quellmann", b"Quellm\xffnn"),
        "import: JSON that is no bundle": b'{"resourceType": "Patient"}',
    }.items():
        path = world.folder / "file.json"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        say.line(name, ground.centre("import", "fhir", path, code=None))
    assert unchanged(ground) == before
    path.write_bytes(bundle)
    ground.centre("import", "fhir", path)
    ground.mended()


def bundle_of(patients, note=""):
    """A FHIR bundle of so many patients."""
    entry = [{"fullUrl": f"urn:uuid:00000000-0000-4000-8000-{i:012}",
              "resource": {"resourceType": "Patient", "id": f"00000000-0000-4000-8000-{i:012}",
                           "name": [{"family": "Quellmann", "given": [f"Zoë {i} {note[:40]}"]}],
                           "address": [{"text": noise(200, i)}]}} for i in range(1, patients + 1)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entry}


@answers("a centre whose disk is full takes nothing, loses nothing, and goes on once there is room")
def _(world, say):
    disk = Disk(world, "6m")
    fresh, centre = DiskCentre(disk, world), DiskCentre(disk, world)
    fresh.folder = fresh.folder.with_name("fresh")
    for leave in (0, 8, 16, 28, 40, 100):
        disk.fill(leave)
        say("centre's disk full: init", fresh, "init", "--name", "A")
        disk.clear()
    fresh("init", "--name", "A")
    disk.run("rm", "-r", fresh.folder)
    centre("init", "--name", "Test agency")
    centre.start()
    ground = Ground(world, centre=centre)
    ground.ana("note", "add", "--patient", ground.patient, text="Denies pain " + noise(200000))
    centre("user", "add", "ben", "--name", "Ben", "--role", "care-manager")
    code, new = centre.code("ben"), world.empty_tablet("new")
    say.private.append(code)
    path = world.folder / "bundle.json"
    path.write_text(json.dumps(bundle_of(1)), encoding="utf-8")
    before = unchanged(ground)
    with ground.unharmed():
        disk.fill(database=centre.database)
        say("centre's disk full: what a tablet sends", ground.ana, "sync")
        say("centre's disk full: a tablet that enrols", new, "enrol", centre.url, "-", text=code + "\n")
        say("centre's disk full: a command that writes", centre, "patient", "add", "--name", "-",
            f"alerts={noise(4000)}", text=PATIENT)
        say.line("centre's disk full: an import", centre("import", "fhir", path, code=None))
        disk.clear()
    assert unchanged(ground) == before
    assert centre.process.poll() is None, "it is still being served"
    new.enrol(centre.url, code)
    centre("import", "fhir", path)
    ground.mended()


@answers("a centre whose folder may not be written to says so")
def _(world, say):
    disk = Disk(world)
    centre = DiskCentre(disk, world)
    centre("init", "--name", "Test agency")
    disk.remount("ro")
    say("centre read-only: a command that writes", centre, "user", "add", "ana", "--name", "Ana", "--role", "care-manager")
    say("centre read-only: serving", centre, "serve", "--listen", "127.0.0.1:0")
    disk.remount("rw")
    centre("user", "add", "ana", "--name", "Ana", "--role", "care-manager")


@answers("a centre that is damaged, newer, without its keys or served already is left as it is")
def _(world, say):
    say("no centre in the folder", Centre(world, world.folder / "nothing"), "serve")
    ground = Ground(world)
    centre, before = ground.centre, unchanged(ground)
    say("a centre that is served already", centre, "serve", "--listen", "127.0.0.1:0")
    centre.stop()
    with socket.create_server(("127.0.0.1", 0)) as other:
        say("a port that is taken", centre, "serve", "--listen", f"127.0.0.1:{other.getsockname()[1]}")
    say("an address to listen at that is none", centre, "serve", "--listen", "here", code=2)
    settings = centre.folder / "doorstepd.conf"
    kept = settings.read_text(encoding="utf-8")
    settings.write_text(kept + "\nlisten_at = here\n", encoding="utf-8")
    say("a setting of the centre that can't be", centre, "serve")
    settings.write_text(kept, encoding="utf-8")
    shutil.move(centre.folder / "keys", world.folder / "keys")
    say("the centre's keys are gone", centre, "serve")
    shutil.move(world.folder / "keys", centre.folder / "keys")
    database = ["sqlite3", centre.database, ".timeout 5000"]
    world.run([*database, "UPDATE meta SET value = value + 100 WHERE key = 'schema_version'"])
    say("the agency's database is newer", centre, "serve")
    world.run([*database, "UPDATE meta SET value = value - 100 WHERE key = 'schema_version'", "PRAGMA wal_checkpoint(TRUNCATE)"])
    whole = centre.database.read_bytes()
    centre.database.write_bytes(b"\0" * 4096 + whole[4096:])
    say("the agency's database is damaged", centre, "serve")
    centre.database.write_bytes(whole)
    assert unchanged(ground) == before
    check_whole(centre)
    centre.start()
    ground.mended()


def ask(centre, method, path, body=None, headers=None):
    """Any HTTP request; returns status, headers and body."""
    trust = ssl.create_default_context(cafile=centre.folder / "keys/ca.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", centre.port, context=trust, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@answers("a request that is none is answered with its error, and the centre stays up")
def _(world, say):
    ground = Ground(world)
    unknown = b"DSq\1" + bytes([0, 0, 3, 231]) + bytes(8) + bytes(64) + b"x"
    for name, code, request in (
        ("HTTP: an address that there is not (404)", 404, ("GET", "/patients")),
        ("HTTP: another kind of request (405)", 405, ("GET", "/v1/sync")),
        ("HTTP: another kind of request (405)", 405, ("POST", "/v1/centre", b"")),
        ("HTTP: another kind of request (405)", 405, ("DELETE", "/v1/sync")),
        ("HTTP: a body over the limit (413)", 413, ("POST", "/v1/enrol", bytes(4097))),
        ("HTTP: no envelope (400)", 400, ("POST", "/v1/sync", b"")),
        ("HTTP: no envelope (400)", 400, ("POST", "/v1/sync", b"DSq\1" + bytes(20))),
        ("HTTP: no envelope (400)", 400, ("POST", "/v1/enrol", b"\xc1")),
        ("HTTP: an envelope of another version (426)", 426, ("POST", "/v1/sync", b"DSq\2" + unknown[4:])),
        ("HTTP: an envelope of an unknown tablet (401)", 401, ("POST", "/v1/sync", unknown)),
    ):
        got, headers, body = ask(ground.centre, *request)
        assert got == code and headers["Content-Type"] == "application/json", (name, got, body)
        assert set(json.loads(body)) == {"what", "safe", "next"}
        say.parts(name, json.loads(body))
    ground.mended()


@answers("whoever guesses at codes is put off for ten minutes, others are not, and the wait is told")
def _(world, say):
    ground = Ground(world)
    code, guesser = other_secret(ground.centre.code("ana")), world.empty_tablet("guesser")
    for _ in range(20):
        assert "not valid" in guesser.enrol_failure(ground.centre.url, code)["what"]
    say("too many refused codes from one address (429)", guesser, "enrol", ground.centre.url, "-", text=code + "\n")
    status, headers, _ = ask(ground.centre, "POST", "/v1/enrol", b"\x80")
    assert (status, headers["Retry-After"]) == (429, "600")
    ground.mended()


if __name__ == "__main__":
    run_rows("At the centre")
