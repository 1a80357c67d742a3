"""Workload W, in Doorstep's words.

W's records are read from ../shared/bench/w (DOORSTEP_SHARED overrides ../shared). FIELDS is the whole of the mapping:
every field of W has a counterpart, so nothing is dropped and nothing waits for a field of its own.
"""
import datetime
import gzip
import json
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = pathlib.Path(os.environ.get("DOORSTEP_SHARED", ROOT.parent / "shared")) / "bench" / "w"

STATUS = {"planned": "planned", "completed": "done", "cancelled": "cancelled"}


def moment(text):
    """Milliseconds UTC."""
    if text is None:
        return None
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def number(value):
    """A measured number is decimal text, as it was typed."""
    return None if value is None else json.dumps(value)


def same(value):
    return value


# W's field: ours, and how its value is written. "worker" in place of a function: W's care manager, by the id of the
# account that stands for them. lat and lon are one value of ours, "lat,lon".
FIELDS = {
    "visit": {
        "nurse_id": ("worker", "worker"),
        "scheduled_start": ("planned_from", moment),
        "scheduled_end": ("planned_to", moment),
        "check_in": ("check_in_time", moment),
        "check_out": ("check_out_time", moment),
        "status": ("status", STATUS.get),
        "visit_type": ("service_type", same),
        "address": ("place", same),
        "lat": ("position", number),
        "lon": ("position", number),
        "mileage": ("mileage", number),
    },
    "note": {
        "author_id": ("author", "worker"),
        "kind": ("type", same),
        "created_at": ("written_at", moment),
        "body": ("observed", same),
    },
    "task": {
        "title": ("title", same),
        "status": ("status", same),
        "priority": ("priority", same),
        "due_at": ("due_to", moment),
        "assigned_to": ("owner", "worker"),
        "completed_at": ("completed_at", moment),
        "recurrence": ("recurrence", same),
    },
}
FRAME = ("id", "type", "patient_id")
WORKER_FIELDS = {"visit": "nurse_id", "note": "author_id", "task": "assigned_to"}


def read(name):
    with gzip.open(FOLDER / f"{name}.json.gz", "rt", encoding="utf-8") as source:
        return json.load(source)


class Workload:
    """W, with its care managers known by our accounts' ids (workers: W's id to ours)."""

    def __init__(self):
        self.base, self.day, self.both, self.ping = (read(name) for name in ("base", "b", "d", "f"))
        self.patients = sorted({record["patient_id"] for record in self.base})
        self.care_managers = sorted({record[WORKER_FIELDS[record["type"]]] for record in self.base})
        self.workers = {}

    def fields(self, kind, values):
        """Our fields and values for W's; an unknown field of W is an error, so that none is dropped."""
        ours = {}
        for name, value in values.items():
            if name in FRAME:
                continue
            field, how = FIELDS[kind][name]
            written = self.workers.get(value) if how == "worker" else how(value)
            assert written is not None or value is None, (kind, name, value)
            if field in ours:
                written = f"{ours[field]},{written}"
            ours[field] = written
        return ours

    def load(self):
        """The base, as load takes it."""
        return [[r["type"], r["id"], r["patient_id"], self.fields(r["type"], r)] for r in self.base]

    def load_patients(self):
        return [["patient", patient, None, {"name": f"Patient {at:02}", "status": "active"}]
                for at, patient in enumerate(self.patients, 1)]

    def expected(self):
        """{(kind, id): fields} after the base is loaded."""
        return {(r["type"], r["id"]): {"patient": r["patient_id"], **self.fields(r["type"], r)} for r in self.base}

    def statements(self):
        """The day of phase B as plain SQL, a statement an edit, and what each makes of expected()."""
        for op in self.day:
            if op["op"] == "insert":
                record = op["rec"]
                fields = {"patient": record["patient_id"], **self.fields(op["type"], record)}
                yield insert(op["type"], record["id"], fields), (op["type"], record["id"]), fields
            else:
                fields = self.fields(op["type"], op["set"])
                yield update(op["type"], op["id"], fields), (op["type"], op["id"]), fields

    def bare_bytes(self):
        """The bare information of the base, as JSON, for what zlib alone makes of it."""
        return json.dumps([[value for name, value in r.items() if name != "type"] for r in self.base],
                          ensure_ascii=False, separators=(",", ":")).encode()


def literal(value):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def insert(kind, key, fields):
    names = ",".join(["id", *fields])
    return f"INSERT INTO {kind}({names}) VALUES({','.join(map(literal, [key, *fields.values()]))})"


def update(kind, key, fields):
    return f"UPDATE {kind} SET {','.join(f'{n}={literal(v)}' for n, v in fields.items())} WHERE id={literal(key)}"
