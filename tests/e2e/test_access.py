#!/usr/bin/python3
"""Tablets withdrawn from use and accounts disabled, with real programs: what was written arrives, and nothing goes down."""
from doorstep_e2e import promise, run_all
from doorstep_proof import Agency, check_whole, records


def withdrawn_out_of_reach(world):
    """Two care managers with one patient; ana's tablet is out of reach with work of hers, and is withdrawn."""
    agency = Agency(world, ("ana", "ben"), patients=1)
    centre, ana, (patient,) = agency.centre, agency.tablets["ana"], agency.patients
    centre("user", "add", "sue", "--name", "Sue Lind", "--role", "supervisor")
    ana.json("task", "add", "-", "--patient", patient, text="Bring the stick\n")
    ana("set", f"patient/{patient}", "phone=555-1")
    return agency, centre, ana, patient


@promise("work of a tablet that was withdrawn while out of reach arrives as held, nothing goes down, and both sides say so")
def _(world):
    agency, centre, ana, patient = withdrawn_out_of_reach(world)
    device, before = ana.json("status")["device"], records(ana)
    preview = centre("device", "revoke", device, "--preview").out
    assert "Nothing was changed." in preview and "would be withdrawn" in preview and patient in preview, preview
    assert centre.json("device", "list")[0]["revoked"] is False
    said = centre.json("device", "revoke", device, "--why", "-", "--as", "sue", text="left on a bus\n")
    assert said["state"] == "withdrawn" and said["patients"] == [patient] and said["tablets"][0]["device"] == device
    (row,) = [one for one in centre.json("device", "list") if one["device"] == device]
    assert row["revoked"] and row["revoked_by"] == "Sue Lind" and row["revoked_why"] == "left on a bus", row
    agency.tablets["ben"]("set", f"patient/{patient}", "city=Bern")
    agency.tablets["ben"]("sync")
    result = ana("sync", code=1)
    assert "withdrawn from use" in result.err and "held" in result.out, result
    assert records(ana) == before
    status = ana.json("status")
    assert (status["pending"], status["held"]) == ("0", "2") and status["withdrawn_since"], status
    assert "Withdrawn from use" in ana("status").out and "2 received and held" in ana("status").out
    assert "withdrawn" in ana("held").out
    held = centre.json("held")
    assert [(one["device"], one["reason"]) for one in held] == [(device, "withdrawn")] * 2
    for one in held:
        centre("held", "accept", one["id"], "--as", "sue")
    agency.tablets["ben"]("sync")
    assert agency.tablets["ben"].read("SELECT phone FROM patient") == [("555-1",)]
    centre("verify")


@promise("a tablet that is let in again gets what it missed, and what it sends stands")
def _(world):
    agency, centre, ana, patient = withdrawn_out_of_reach(world)
    device = ana.json("status")["device"]
    centre("device", "revoke", device)
    ana("sync", code=1)
    for one in centre.json("held"):
        centre("held", "return" if one["record"].startswith("patient/") else "accept", one["id"], "--as", "sue")
    agency.tablets["ben"]("set", f"patient/{patient}", "phone=555-2")
    agency.tablets["ben"]("sync")
    centre("device", "allow", device, "--why", "found")
    assert "not withdrawn" in centre.failure("device", "allow", device)["what"]
    ana("sync")
    assert ana.read("SELECT phone FROM patient") == [("555-2",)]
    status = ana.json("status")
    assert (status["held"], status["returned"], status["withdrawn_since"]) == ("0", "1", None), status
    check_whole(ana)
    centre("verify")


@promise("disabling an account withdraws its tablets, gives out no code and redeems none; enabling it lets none in by itself")
def _(world):
    agency, centre, ana, patient = withdrawn_out_of_reach(world)
    device, code = ana.json("status")["device"], centre.code("ana")
    said = centre("user", "disable", "ana", "--why", "left the agency", "--as", "sue").out
    assert "1 tablet withdrawn" in said and "user enable ana" in said, said
    (row,) = [one for one in centre.json("user", "list") if one["login"] == "ana"]
    assert row["active"] is False and row["disabled_by"] == "Sue Lind" and row["disabled_why"] == "left the agency", row
    assert centre.failure("device", "code", "--user", "ana")["what"]
    late = world.empty_tablet("late")
    assert "not valid" in late("enrol", centre.url, "-", text=code + "\n", code=1).err
    ana("sync", code=1)
    assert len(centre.json("held")) == 2
    assert "disabled" in centre.failure("device", "allow", device)["what"]
    assert f"device allow {device}" in centre("user", "enable", "ana").out
    ana("sync", code=1)
    centre("device", "allow", device)
    ana("sync")
    agency.tablets["ben"]("sync")
    centre("verify")


@promise("what can't be done to a tablet or an account changes nothing and says why")
def _(world):
    centre = world.centre(start=False)
    centre("user", "add", "sue", "--name", "Sue Lind", "--role", "supervisor")
    assert "no tablet" in centre.failure("device", "revoke", "7")["what"]
    assert "number" in centre.failure("device", "revoke", "laptop", code=2)["what"]
    assert "nobody" in centre.failure("user", "disable", "nobody")["what"]
    assert "act with" in centre.failure("user", "disable", "sue", "--as", "sue")["what"]
    assert "longer" in centre.failure("user", "disable", "sue", "--why", "x" * 1025)["what"]
    assert centre.json("user", "list")[0]["active"] is True


if __name__ == "__main__":
    run_all()
