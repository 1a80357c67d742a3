#!/usr/bin/python3
"""FHIR bundles come in whole or not at all, all is counted, and what people wrote since stays.

What stands in the bundles is counted here by itself, with Python's json, and compared with what the program says.
"""
import collections
import gzip
import json
import os
import pathlib
import sys
import unicodedata

from doorstep_e2e import ROOT, Skip, promise, run_all

sys.path.insert(0, str(ROOT / "tests" / "demo"))
import sample  # noqa: E402

SHARED = pathlib.Path(os.environ.get("DOORSTEP_SHARED", ROOT.parent / "shared"))
KINDS = {"patient": ["Patient"], "need": ["Condition"], "plan": ["CarePlan"], "goal": ["Goal"],
         "medication": ["MedicationRequest", "MedicationStatement"], "allergy": ["AllergyIntolerance"],
         "visit": ["Encounter"]}


def bundles():
    files = sorted((SHARED / "data" / "fhir").glob("*.json.gz"))
    if not files:
        raise Skip(str(SHARED / "data" / "fhir"))
    return files


def read(path):
    with gzip.open(path, "rt", encoding="utf-8") as source:
        return json.load(source)


def resources(bundle, kind):
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def invented(world):
    """The built-in bundles, in a folder of their own."""
    folder = world.folder / "bundles"
    folder.mkdir()
    return [pathlib.Path(path) for path in sample.write(folder)[0]]


def count_rows(centre, kind):
    """By another program, where nobody writes."""
    out = centre.world.run(["sqlite3", "-readonly", centre.database, f'SELECT count(*) FROM "{kind}"']).out
    return int(out)


def changes(centre):
    """How many changes the centre's history holds."""
    return int(centre.world.run(["sqlite3", "-readonly", centre.database, "SELECT count(*) FROM history"]).out)


def plain(text):
    """Without case and accents, as Unicode takes letters apart."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).lower()


def names_of(bundle):
    for patient in resources(bundle, "Patient"):
        for name in patient["name"]:
            if name.get("use", "official") == "official":
                yield patient, " ".join([*name.get("given", []), name["family"]])


# --- real bundles ------------------------------------------------------------


@promise("of each of the 42 real files, entries in = taken + left out; two hold no patient and harm nothing")
def _(world):
    files = bundles()
    assert len(files) == 42, len(files)
    rows = world.centre(start=False).json("import", "fhir", *files)
    assert [row["file"] for row in rows] == [str(path) for path in files]
    for row, path in zip(rows, files):
        entries = len(read(path)["entry"])
        assert int(row["entries"]) == entries == int(row["taken"]) + int(row["left_out"]), row
        assert row["error"] is None and int(row["records"]) == int(row["new"]) >= int(row["taken"]), row
    assert [pathlib.Path(row["file"]).name for row in rows if row["taken"] == "0"] == \
        ["hospital.json.gz", "practitioner.json.gz"]


@promise("what was left out is reported by type and reason, and of every type all is either left out or a record")
def _(world):
    files, centre = bundles(), world.centre(start=False)
    held = collections.Counter(entry["resource"]["resourceType"] for path in files for entry in read(path)["entry"])
    left = collections.Counter()
    for row in centre.json("import", "fhir", "--report", *files):
        assert row["reason"], row
        left[row["type"]] += int(row["entries"])
    assert all(left[kind] <= held[kind] for kind in left), left - held
    for kind, types in KINDS.items():
        assert count_rows(centre, kind) == sum(held[name] - left[name] for name in types), kind
    assert count_rows(centre, "patient") == 40
    assert sum(held[name] - left[name] for name in held if name not in sum(KINDS.values(), ["Observation"])) == 0
    assert count_rows(centre, "observation") >= held["Observation"] - left["Observation"] > 0


@promise("the same files twice change nothing: not one record, not one row of history")
def _(world):
    files, centre = bundles(), world.centre(start=False)
    centre("import", "fhir", *files)
    before = changes(centre)
    again = centre("import", "fhir", *files).out
    assert "Nothing to do" in again, again
    assert changes(centre) == before > 2000
    assert "all is as the centre wrote" in centre("verify").out


@promise("every real patient is found by name, whatever its case and accents, as typed on standard input")
def _(world):
    files, centre = bundles(), world.centre(start=False)
    centre("import", "fhir", *files)
    accented = 0
    for path in files:
        for patient, name in names_of(read(path)):
            for typed in (name, name.upper(), plain(name)):
                found = centre.json("patients", "--find", "-", text=typed)
                assert patient["id"] in [row["id"] for row in found], (typed, found)
            accented += plain(name) != name.lower()
            if patient.get("deceasedDateTime"):
                row = next(row for row in found if row["id"] == patient["id"])
                assert row["deceased"] is True and row["status"] == "closed", row
    assert accented >= 1, "no name of the real data has an accent any more"


# --- invented bundles ------------------------------------------------------------


@promise("names with letters of other alphabets than ours are found with and without their accents")
def _(world):
    centre = world.centre(start=False)
    centre("import", "fhir", *invented(world))
    for typed, name in (("ångström", "Bjørn Ångström"), ("ANGSTROM", "Bjørn Ångström"), ("zoe", "Zoë Müller-García"),
                        ("müller-garcia", "Zoë Müller-García"), ("tanaka", "Mei Tanaka")):
        found = centre.json("patients", "--find", "-", text=typed)
        assert [row["name"] for row in found] == [name], (typed, found)
    assert centre.json("patients", "--find", "-", text="nobody at all") == []


@promise("what people edited survives an import of the same and of a newer bundle, which brings everything else")
def _(world):
    centre, files = world.centre(), invented(world)
    centre("import", "fhir", *files)
    patient = centre.json("patients", "--find", "Tanaka")[0]["id"]
    ana = world.tablet(centre, "ana")
    centre("assign", "--user", "ana", "--patient", patient)
    ana("sync")
    ana("set", f"patient/{patient}", "phone=+41 44 555 99 99")
    ana("sync")
    rows = centre.json("import", "fhir", *files)
    assert [(row["new"], row["changed"]) for row in rows] == [("0", "0")] * 3, rows
    assert sum(int(row["kept"]) for row in rows) == 1, rows
    path = next(path for path in files if "tanaka" in path.name)
    bundle = json.loads(path.read_text(encoding="utf-8"))
    resource = resources(bundle, "Patient")[0]
    resource["telecom"][0]["value"] = "+41 44 555 00 00"
    resource["address"][0]["city"] = "Horgen"
    path.write_text(json.dumps(bundle), encoding="utf-8")
    row = centre.json("import", "fhir", path)[0]
    assert (row["new"], row["changed"], row["kept"]) == ("0", "1", "1"), row
    ana("sync")
    for program in (centre, ana):
        record = program.json("show", f"patient/{patient}")
        assert (record["phone"], record["city"]) == ("+41 44 555 99 99", "Horgen"), record


@promise("a second newer bundle is taken too: what an import wrote is not mistaken for a person's edit")
def _(world):
    centre, files = world.centre(start=False), invented(world)
    centre("import", "fhir", *files)
    bundle = json.loads(files[0].read_text(encoding="utf-8"))
    for city in ("Horgen", "Thalwil", "Wädenswil"):
        resources(bundle, "Patient")[0]["address"][0]["city"] = city
        files[0].write_text(json.dumps(bundle), encoding="utf-8")
        row = centre.json("import", "fhir", files[0])[0]
        assert (row["changed"], row["kept"]) == ("1", "0"), (city, row)
    patient = resources(bundle, "Patient")[0]["id"]
    assert centre.json("show", f"patient/{patient}")["city"] == "Wädenswil"


@promise("a newer bundle alters no closed record: what differs is counted apart, and an error is taken over")
def _(world):
    centre, path = world.centre(start=False), invented(world)[0]
    bundle = json.loads(path.read_text(encoding="utf-8"))
    weight = {"resourceType": "Observation", "id": "0c2f6f0e-7f1c-4f0e-9d7b-1f2a3b4c5d6e", "status": "final",
              "category": [{"coding": [{"code": "vital-signs"}]}], "code": {"coding": [{"code": "29463-7"}]},
              "subject": {"reference": f"urn:uuid:{resources(bundle, 'Patient')[0]['id']}"},
              "effectiveDateTime": "2026-10-01T10:00:00Z", "issued": "2026-10-01T10:05:00Z",
              "valueQuantity": {"value": 71, "unit": "kg"}}
    bundle["entry"].append({"fullUrl": f"urn:uuid:{weight['id']}", "resource": weight})

    def imported():
        path.write_text(json.dumps(bundle), encoding="utf-8")
        row = centre.json("import", "fhir", path)[0]
        return row["new"], row["changed"], row["kept"], row["closed"]

    def standing():
        return centre.json("show", f"observation/{weight['id']}")

    assert imported()[0] != "0" and standing()["closed_at"], standing()
    before = changes(centre)
    weight["valueQuantity"]["value"] = 999
    assert imported() == ("0", "0", "0", "1")
    assert "1 value kept, the record is closed" in centre("import", "fhir", path).out
    assert changes(centre) == before and standing()["value"] == "71"
    weight["status"] = "entered-in-error"
    assert imported()[1] == "1"
    assert (standing()["value"], standing()["status"]) == ("71", "entered-in-error")
    assert "all is as the centre wrote" in centre("verify").out


def broken_files(world, good):
    """(name, bytes, what must be said of its place)"""
    text = good.read_text(encoding="utf-8").encode()
    lines = json.dumps(json.loads(text), indent=1).encode().split(b"\n")
    lines[4] = b'"resource" = 1,'
    zipped = gzip.compress(text)
    return [("cut.json", text[:200], "byte 200"), ("line.json", b"\n".join(lines), "line 5"),
            ("empty.json", b"", "line 1"), ("cut.json.gz", zipped[:100], "byte 100"), ("list.json", b"[]", "no FHIR Bundle")]


@promise("a broken file is named with its place, changes nothing, and the others are taken")
def _(world):
    centre, files = world.centre(start=False), invented(world)
    broken = []
    for name, content, place in broken_files(world, files[0]):
        path = world.folder / name
        path.write_bytes(content)
        broken.append((path, place))
    missing = world.folder / "missing.json"
    order = [files[0], *(path for path, _ in broken), missing, files[1]]
    result = centre("import", "fhir", *order, code=1)
    for path, place in [*broken, (missing, "no such file")]:
        line = next(line for line in result.err.splitlines() if line.startswith(f"{path}: "))
        assert place in line and "Nothing of this file was taken." in line, line
    assert sorted(row["name"] for row in centre.json("patients")) == ["Bjørn Ångström", "Zoë Müller-García"]
    assert "all is as the centre wrote" in centre("verify").out


@promise("an import while the centre serves reaches the tablets with their next exchange")
def _(world):
    centre, files = world.centre(), invented(world)
    ana = world.tablet(centre, "ana")
    ana("sync")
    centre("import", "fhir", *files)
    centre("assign", "--user", "ana", "--all")
    ana("sync")
    assert ana.number("SELECT count(*) FROM patient") == 3
    assert ana.number("SELECT count(*) FROM medication") == 3


if __name__ == "__main__":
    run_all()
