"""A small built-in set for where the real data is absent: three invented patients as FHIR R4 bundles, and short notes.

Written for this purpose; nobody's data.
"""
import json
import os
import uuid

NOTES = [
    "Met at the door. Walks with a stick, steady on the flat, holds on at the step. Denies pain today.",
    "Kitchen tidy, food in the fridge is in date. Ate breakfast, drinks about five cups of tea a day.",
    "Blood pressure 138 over 82 sitting. Ankles slightly swollen in the evening, she says, none this morning.",
    "Pill box filled by the daughter on Sunday; all of yesterday's doses taken. No new medicines.",
    "Sleeps badly since the move, wakes at three. Would like to talk to somebody from the parish.",
    "Practised getting up from the chair ten times. Managed eight without hands, tired after that.",
    "Telephoned the practice about the repeat prescription; ready from Thursday.",
    "The rail in the bathroom is loose. Landlord told; he sends somebody this week.",
]

PEOPLE = [
    ("Zoë", "Müller-García", "1941-03-09", "female", "+41 44 555 01 01"),
    ("Bjørn", "Ångström", "1936-11-30", "male", "+41 44 555 01 02"),
    ("Mei", "Tanaka", "1948-07-17", "female", "+41 44 555 01 03"),
]


def _id(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "doorstep-sample/" + "/".join(parts)))


def _bundle(person):
    given, family, born, gender, phone = person
    patient = _id(family)

    def entry(resource):
        return {"fullUrl": "urn:uuid:" + resource["id"], "resource": resource}

    subject = {"reference": "urn:uuid:" + patient}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [
        entry({"resourceType": "Patient", "id": patient, "name": [{"use": "official", "given": [given], "family": family}],
               "birthDate": born, "gender": gender, "telecom": [{"system": "phone", "value": phone}],
               "address": [{"line": ["Seestrasse 1"], "city": "Wädenswil", "country": "CH"}]}),
        entry({"resourceType": "Condition", "id": _id(family, "need"), "subject": subject,
               "clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"text": "Hypertension"},
               "onsetDateTime": "2019-05-02T09:00:00+02:00"}),
        entry({"resourceType": "MedicationRequest", "id": _id(family, "medication"), "status": "active",
               "intent": "order", "subject": subject, "medicationCodeableConcept": {"text": "Amlodipine 5 MG Oral Tablet"},
               "authoredOn": "2026-01-12T10:00:00+01:00"}),
        entry({"resourceType": "CarePlan", "id": _id(family, "plan"), "status": "active", "intent": "order",
               "subject": subject, "category": [{"text": "Self care"}], "period": {"start": "2026-01-12"}}),
        entry({"resourceType": "Encounter", "id": _id(family, "visit"), "status": "finished", "class": {"code": "HH"},
               "subject": subject, "period": {"start": "2026-10-01T09:00:00+02:00", "end": "2026-10-01T09:45:00+02:00"}}),
    ]}


def write(folder):
    """Write the bundles and return (bundle files, notes)."""
    files = []
    for person in PEOPLE:
        path = os.path.join(folder, person[1].split("-")[0].lower().encode("ascii", "ignore").decode() + ".json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(_bundle(person), out, ensure_ascii=False)
        files.append(path)
    return files, NOTES
