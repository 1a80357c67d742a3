#!/usr/bin/python3
"""The commands of doorstepd, on a centre of their own each: what they do, what they say, what they refuse.

Where a change must come from a tablet, one is played here by the wire (proto/README.md), so that these tests need no
program but the centre's.
"""
import gzip
import http.client
import json
import os
import pathlib
import sqlite3
import ssl
import time
import uuid

from doorstep_e2e import Skip, promise, run_all

try:
    import msgpack
    import nacl.encoding
    import nacl.hash
    import nacl.signing
except ImportError:
    msgpack = None

SHARED = pathlib.Path(os.environ.get("DOORSTEP_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
PATIENT, MEDICATION, PHONE = 1, 12, 15
CLARA = "155d3d80-f3f0-4b39-9207-0d122cf94a11"


# --- a tablet, played by the wire --------------------------------------------------------------------------------------


def digest(domain, *parts):
    whole = domain.encode() + b"\0" + b"".join(parts)
    return nacl.hash.blake2b(whole, digest_size=32, encoder=nacl.encoding.RawEncoder)


def code_secret(code):
    bits = 0
    for letter in code.replace("-", ""):
        bits = bits << 5 | "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(letter)
    return bits.to_bytes(20, "big")[:10]


class PlayedTablet:
    def __init__(self, centre, login):
        if msgpack is None:
            raise Skip("python3-msgpack and python3-nacl are not here")
        self.centre, self.n, self.counter = centre, 0, 0
        self.key = nacl.signing.SigningKey.generate()
        asked = {0: code_secret(centre.code(login)), 1: bytes(self.key.verify_key), 2: f"{login}'s", 3: "test"}
        answer = msgpack.unpackb(self.post("/v1/enrol", msgpack.packb(asked)), strict_map_key=False)
        self.device, self.enrolled = answer[0], answer

    def post(self, path, body):
        trust = ssl.create_default_context(cafile=self.centre.folder / "keys" / "ca.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", self.centre.port, context=trust, timeout=30)
        connection.request("POST", path, body, {"Content-Type": "application/vnd.doorstep.envelope"})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        assert response.status == 200, f"{response.status}: {answer!r}"
        return answer

    def send(self, body):
        self.n += 1
        self.counter += 1
        message = msgpack.packb({0: 1, 2: [[self.n, msgpack.packb(body)]]})
        stream = b"\0" + message
        front = b"DSq\1" + self.device.to_bytes(4, "big") + self.counter.to_bytes(8, "big")
        signature = self.key.sign(digest("request", front, digest("stream", stream))).signature
        self.post("/v1/sync", front + signature + stream)

    def edit(self, kind, record, group, fields, seen=None, heard=0):
        """seen: the sequence up to which its author had seen the group; None = nothing of what stands. heard: the centre's
        time, in milliseconds, in the last answer before the edit."""
        evidence = {4: [heard, 0, 0, 0]} if heard else {}
        self.send({0: kind, 1: uuid.UUID(record).bytes, **evidence, 5: fields, 6: [[group, seen]]})

    def dose(self, record, dose):
        """A medication is one group: all of its fields."""
        self.edit(MEDICATION, record, 1, {**{field: None for field in range(1, 12)}, 1: "Ramipril", 2: dose, 3: "mg"})


# --- small helpers -------------------------------------------------------------------------------------------------------


def bundle(phone="555-0100", active=True, name="Zoë Łukasz"):
    family = {"family": name.split()[1], "given": [name.split()[0]]}
    patient = {"resourceType": "Patient", "id": CLARA, "active": active, "name": [family], "birthDate": "1950-02-03",
               "telecom": [{"system": "phone", "value": phone}]}
    medication = {"resourceType": "MedicationRequest", "id": "6d1d9e8a-7b53-4f0e-9f56-2b9b5d6f8a01", "status": "active",
                  "intent": "order", "medicationCodeableConcept": {"text": "Ramipril"},
                  "subject": {"reference": f"urn:uuid:{CLARA}"}}
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in (patient, medication)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def write_bundle(world, **options):
    path = world.folder / "bundle.json.gz"
    path.write_bytes(gzip.compress(json.dumps(bundle(**options)).encode()))
    return path


def import_one(centre, world, **options):
    return centre.json("import", "fhir", write_bundle(world, **options))[0]


def with_patient(world, start=False, **options):
    """A centre with Zoë, who takes Ramipril, and ana, who looks after her."""
    centre = world.centre(start=start, **options)
    import_one(centre, world)
    centre("user", "add", "ana", "--name", "Ana Brandt", "--role", "care-manager")
    centre("user", "add", "sue", "--name", "Sue Lang", "--role", "supervisor")
    centre("assign", "--user", "ana", "--patient", CLARA)
    return centre


def shown(centre, record):
    return centre.json("show", record)


def medication(centre):
    with sqlite3.connect(f"file:{centre.database}?mode=ro", uri=True) as database:
        return str(uuid.UUID(as_uuid(database.execute("SELECT id FROM medication").fetchone()[0])))


def as_uuid(stored):
    return stored if isinstance(stored, str) else stored.hex()


def says(result, *words):
    for word in words:
        assert word in result.out, f"{word!r} is not said: {result!r}"


# --- init, accounts --------------------------------------------------------------------------------------------------------


@promise("init makes a folder that is its owner's alone, also of an empty one, and leaves a centre that is there as it is")
def _(world):
    (world.folder / "centre").mkdir(mode=0o700)
    centre = world.centre(start=False)
    for path in centre.folder.rglob("*.*"):
        if path.suffix != ".pem":
            assert path.stat().st_mode & 0o077 == 0, f"{path} can be read by others"
    before = centre.database.read_bytes()
    refused = centre.failure("init", "--name", "Another")
    assert "already" in refused["what"] and centre.database.read_bytes() == before


@promise("what is not understood ends with 2, what is refused with 1, with what, what is safe and what next")
def _(world):
    centre = world.centre(start=False)
    assert "There is no command" in centre("nonsense", code=2).err
    assert "There is no option" in centre("patients", "--nonsense", code=2).err
    for words, next_help in ((["nonsense"], "doorstepd --help"), (["user"], "doorstepd user --help"),
                             (["user", "nonsense"], "doorstepd user --help"), (["show"], "doorstepd show --help"),
                             (["show", "a/b", "c"], "doorstepd show --help"), (["patients", "--nonsense"], "patients --help")):
        wrong = centre.failure(*words, code=2)
        assert set(wrong) == {"what", "safe", "next"} and next_help in wrong["next"], (words, wrong)
    listed = centre("user", "--help").out
    assert "user add" in listed and "user list" in listed and "patient" not in listed, listed
    refused = centre.failure("user", "add", "ana", "--name", "Ana", "--role", "queen")
    assert set(refused) == {"what", "safe", "next"} and "care-manager" in refused["next"]
    assert centre.failure("show", "patient/" + CLARA)["what"] == "There is no such record."
    assert "folder" in world.run([centre.path, "patients", "--data", world.folder / "none"], code=1).err


@promise("an account is made once, and its person is named as the author of what is done with --as")
def _(world):
    centre = world.centre(start=False)
    worker = centre.json("user", "add", "sue", "--name", "Sue Lang", "--role", "supervisor")["id"]
    assert "already" in centre.failure("user", "add", "sue", "--name", "Sue", "--role", "admin")["what"]
    patient = centre.json("patient", "add", "--name", "Mara Weiß", "phone=555", "--as", "sue")["id"]
    assert centre.failure("patient", "add", "--name", "X", "--as", "nobody")["what"].endswith("'nobody'.")
    authors = {row["author"] for row in centre.json("history", f"patient/{patient}")}
    assert authors == {worker}
    says(centre("show", f"patient/{patient}"), "Mara Weiß", "by Sue Lang, at the centre")
    assert [row["login"] for row in centre.json("user", "list")] == ["sue"]


# --- import ----------------------------------------------------------------------------------------------------------------


@promise("the same bundle twice changes nothing; a newer one writes what it changed, and leaves what people edited")
def _(world):
    centre = with_patient(world, start=True)
    again = import_one(centre, world)
    assert (again["new"], again["changed"], again["kept"]) == ("0", "0", "0"), again
    for phone in ("555-0200", "555-0300"):
        assert import_one(centre, world, phone=phone)["changed"] == "1"
        assert shown(centre, f"patient/{CLARA}")["phone"] == phone
    centre("patient", "close", "--patient", CLARA, "--reason", "moved away")
    seen = int(shown(centre, f"patient/{CLARA}")["seq"])
    PlayedTablet(centre, "ana").edit(PATIENT, CLARA, PHONE, {PHONE: "555-9999"}, seen)
    assert shown(centre, f"patient/{CLARA}")["phone"] == "555-9999"
    kept = import_one(centre, world, phone="555-0400")
    assert (kept["changed"], kept["kept"]) == ("0", "2"), kept
    patient = shown(centre, f"patient/{CLARA}")
    assert (patient["phone"], patient["status"]) == ("555-9999", "closed")
    says(centre("import", "fhir", write_bundle(world)), "edited by people", "Nothing to do")


@promise("a broken file is named with its place and harms nothing: the others are taken, and the command ends with 1")
def _(world):
    centre = world.centre(start=False)
    broken = world.folder / "broken.json"
    broken.write_text('{"resourceType": "Bundle",\n "entry": [}', encoding="utf-8")
    result = centre("import", "fhir", broken, world.folder / "absent.json", write_bundle(world), code=1)
    assert "broken.json" in result.err and "line 2" in result.err and "absent.json" in result.err, result
    says(result, "2 new", "2 files could not be taken")
    rows = json.loads(centre("import", "fhir", broken, write_bundle(world), "--json", code=1).out)
    assert "line 2" in rows[0]["error"] and rows[1]["error"] is None
    assert [row["name"] for row in centre.json("patients")] == ["Zoë Łukasz"]


@promise("of all 42 real files every entry is a record or is counted as left out, by type and reason")
def _(world):
    files = sorted((SHARED / "data" / "fhir").glob("*.json.gz"))
    if not files:
        raise Skip(SHARED / "data" / "fhir")
    centre = world.centre(start=False)
    rows = centre.json("import", "fhir", *files)
    assert len(rows) == 42
    for path, row in zip(files, rows):
        entries = len(json.loads(gzip.decompress(path.read_bytes())).get("entry", []))
        assert int(row["entries"]) == entries == int(row["taken"]) + int(row["left_out"]), row
    entries, taken, out = (sum(int(row[name]) for row in rows) for name in ("entries", "taken", "left_out"))
    says(centre("import", "fhir", *files), f"{entries} entries = {taken} taken + {out} left out", "Nothing to do")
    left = centre.json("import", "fhir", *files, "--report")
    assert sum(int(line["entries"]) for line in left) == sum(int(row["left_out"]) for row in rows)
    assert len(centre.json("patients")) == 40
    assert sum(int(row["records"]) == 0 for row in rows) == 2


# --- patients, caseloads, visits ---------------------------------------------------------------------------------------------


@promise("patients are found by any part of their name, whatever its case and accents, and never need it in a command line")
def _(world):
    centre = with_patient(world)
    named = world.folder / "name"
    named.write_text("ŁUK\n", encoding="utf-8")
    for words, text in (("luk", None), ("ZOE", None), ("oë ł", None), (f"@{named}", None), ("-", "zoË\n")):
        found = centre.json("patients", "--find", words, text=text)
        assert [row["id"] for row in found] == [CLARA], words
    assert centre.json("patients", "--find", "luka x") == []
    assert [row["care_managers"] for row in centre.json("patients", "--user", "ana")] == ["Ana Brandt"]
    assert centre.json("patients", "--user", "sue") == []


@promise("a patient is given once and taken once, one by one or all, and a beginning of the ID is enough")
def _(world):
    centre = with_patient(world)
    centre("patient", "add", "--name", "-", text="Bo Ek\n")
    assert centre.json("assign", "--user", "ana", "--patient", f"patient/{CLARA[:8]}") == {"assigned": "0", "unchanged": "1"}
    assert centre.json("assign", "--user", "ana", "--all") == {"assigned": "1", "unchanged": "1"}
    assert centre.json("unassign", "--user", "ana", "--patient", CLARA) == {"ended": "1", "unchanged": "0"}
    assert centre.json("unassign", "--user", "ana", "--patient", CLARA) == {"ended": "0", "unchanged": "1"}
    assert [row["name"] for row in centre.json("patients", "--user", "ana")] == ["Bo Ek"]
    assert centre.failure("assign", "--user", "ana", "--patient", "00000000")["what"].startswith("There is no record")
    assert centre("assign", "--user", "ana", code=2).err


@promise("a visit is planned in the agency's time zone, and whoever does not have the patient is noted")
def _(world):
    if not pathlib.Path("/usr/share/zoneinfo/Europe/Zurich").exists():
        raise Skip("/usr/share/zoneinfo/Europe/Zurich")
    centre = with_patient(world, options=("--zone", "Europe/Zurich"))
    for at, utc in (
        ("2026-12-01T10:30", "2026-12-01T09:30:00Z"),
        ("2026-07-01T10:30", "2026-07-01T08:30:00Z"),
        ("2026-07-01T10:30+05:00", "2026-07-01T05:30:00Z"),
    ):
        visit = centre.json("visit", "plan", "--patient", CLARA, "--user", "ana", "--at", at, "--minutes", "45")
        assert (visit["planned_from"], visit["assigned"]) == (utc, True), visit
    visit = shown(centre, f"visit/{visit['id']}")
    assert (visit["planned_to"], visit["status"]) == ("2026-07-01T06:15:00Z", "planned")
    says(centre("visit", "plan", "--patient", CLARA, "--user", "sue", "--at", "2026-12-01T10:30"), "not in the caseload")
    assert "time" in centre.failure("visit", "plan", "--patient", CLARA, "--user", "ana", "--at", "noon")["what"]


@promise("closing a patient cancels the visits to come with the reason, and a closed one is not closed again")
def _(world):
    centre = with_patient(world)
    planned = centre.json("visit", "plan", "--patient", CLARA, "--user", "ana", "--at", "2126-12-02T10:30")["id"]
    close = ("patient", "close", "--patient", CLARA, "--reason", "-")
    says(centre(*close, text="moved to Bern\n"), "1 planned visit: cancelled with the reason")
    assert shown(centre, f"patient/{CLARA}")["closed_reason"] == "moved to Bern"
    assert shown(centre, f"visit/{planned}")["status_reason"] == "moved to Bern"
    assert "already" in centre(*close, code=1, text="again").err


# --- what tablets send -------------------------------------------------------------------------------------------------------


@promise("a tablet is enrolled by its code while the centre serves, and the list says when it was last heard of")
def _(world):
    centre = with_patient(world, start=True)
    assert centre.json("device", "list") == []
    code = centre.json("device", "code", "--user", "ana", "--lifetime", "5")
    assert code["url"].endswith(f":{centre.port}") and len(code["code"]) == 39
    tablet = PlayedTablet(centre, "ana")
    tablet.edit(PATIENT, CLARA, PHONE, {PHONE: "1"})
    (row,) = centre.json("device", "list")
    assert (row["device"], row["owner"], row["pending"], row["revoked"]) == (str(tablet.device), "Ana Brandt", "0", False)
    assert row["last_contact"] >= row["enrolled"]
    assert centre.failure("device", "code", "--user", "nobody")["what"]
    assert centre("device", "code", "--user", "ana", "--lifetime", "0", code=2).err


def in_conflict(world):
    """Somebody at the centre and a tablet changed the same medication."""
    centre = with_patient(world, start=True)
    record = medication(centre)
    PlayedTablet(centre, "ana").dose(record, "10")
    (conflict,) = centre.json("conflicts", "--open")
    assert (conflict["record"], conflict["group_name"], conflict["status"]) == (record, "record", "open")
    assert [one["n"] for one in json.loads(conflict["candidates"])] == [1, 2]
    return centre, f"medication/{record}", f"conflict/{conflict['id']}"


@promise("a conflict shows its values with who wrote them, and --keep other lets the other one stand, by name of who decided")
def _(world):
    centre, record, conflict = in_conflict(world)
    says(centre("conflicts", "--open"), conflict, "Zoë Łukasz", "Dose: 10", "by Ana Brandt, tablet “ana's”", "by the console")
    says(centre("show", record), "Open conflict", conflict)
    says(centre("history", record), "superseded: the value at the centre stood", "Ana Brandt, tablet 1, change 1")
    assert shown(centre, record)["dose"] is None
    says(centre("decide", conflict, "--keep", "other", "--as", "sue"), "Stands now", "Dose: 10")
    assert shown(centre, record)["dose"] == "10"
    assert centre.json("conflicts", "--open") == []
    says(centre("conflicts"), "decided", "Decided by Sue Lang")
    says(centre("show", record), "by Sue Lang, at the centre", "as the decision of a conflict")
    assert "already" in centre.failure("decide", conflict, "--keep", "current")["what"]


@promise("a conflict is decided for what stands, for a value by its number, or for one that is given")
def _(world):
    centre, record, conflict = in_conflict(world)
    for words in (("--keep", "3"), ("--keep", "0"), ("--keep", "x"), (), ("--keep", "1", "--value", "dose=3")):
        centre("decide", conflict, *words, code=2)
    assert "It takes one of: active, " in centre.failure("decide", conflict, "--value", "status=lost")["next"]
    assert len(centre.json("conflicts", "--open")) == 1
    assert centre.json("decide", conflict, "--value", "dose=-", "--value", "unit=g", text="7\n")["dose"] == "7"
    now = shown(centre, record)
    assert (now["dose"], now["unit"], now["name"]) == ("7", "g", "Ramipril")
    tablet = PlayedTablet(centre, "ana")
    for sent, keep, stands in (("20", "current", "7"), ("21", "2", "21"), ("22", "1", "21")):
        tablet.dose(record.split("/")[1], sent)
        (again,) = centre.json("conflicts", "--open")
        assert centre.json("decide", again["id"], "--keep", keep)["dose"] == stands, keep


@promise("what is held is listed with its reason and next step, and is taken in or given back by a person")
def _(world):
    centre = with_patient(world, start=True)
    tablet = PlayedTablet(centre, "ana")
    centre("unassign", "--user", "ana", "--all")
    heard = int(time.time() * 1000)
    tablet.edit(PATIENT, CLARA, PHONE, {PHONE: "111"}, heard=heard)
    tablet.edit(PATIENT, CLARA, PHONE, {PHONE: "222"}, heard=heard)
    first, second = centre.json("held")
    assert (first["reason"], first["record"], first["name"]) == ("not-yours", f"patient/{CLARA}", "Ana Brandt")
    says(centre("held"), "from Ana Brandt, tablet 1, change 1", f"held accept {first['id']}", "caseload")
    assert shown(centre, f"patient/{CLARA}")["phone"] == "555-0100"
    says(centre("held", "return", second["id"], "--as", "sue"), "given back")
    assert [row["id"] for row in centre.json("held")] == [first["id"]]
    assert centre.json("held", "accept", first["id"], "--as", "sue")["state"] == "accepted"
    assert centre.json("held") == []
    assert "already" in centre.failure("held", "accept", first["id"])["what"]
    assert centre.failure("held", "return", "12")["what"] == "No held change has this number."
    says(centre("history", f"patient/{CLARA}"), "held: ", "answered by Sue Lang", "given back to its author")


@promise("verify finds nothing wrong in what the commands wrote, and the place of what was altered")
def _(world):
    centre = with_patient(world)
    centre("patient", "close", "--patient", CLARA, "--reason", "moved")
    says(centre("verify"), "all is as the centre wrote and signed it")
    assert centre.json("verify") == []
    with sqlite3.connect(centre.database) as database:
        database.execute("UPDATE patient SET phone = '666'")
    database.close()
    found = centre("verify", "--json", code=1).json()
    assert [row["place"] for row in found] == [f"record patient/{CLARA}"], found


if __name__ == "__main__":
    run_all()
