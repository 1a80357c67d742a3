#!/usr/bin/python3
"""A patient given for a time: real programs, real seconds. The cover begins and ends by itself, whatever happened to the
centre meanwhile, and the tablet shows it come and go."""
import datetime
import time

from doorstep_e2e import promise, run_all, wait_until
from doorstep_proof import check_whole

AHEAD_S = 4


def in_seconds(count):
    """So many seconds from now, to the millisecond, as a person may type it."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=count)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"), time.time() + count


def shown(tablet):
    """{name: state} as `doorstep patients` has it after a sync."""
    tablet("sync")
    return {row["name"]: row["state"] for row in tablet.json("patients")}


def until(moment):
    time.sleep(max(0.0, moment - time.time()))


def members(centre):
    return centre.read("SELECT count(*) FROM member WHERE to_seq IS NULL")[0][0]


def ground(world):
    centre = world.centre()
    tablet = world.tablet(centre, "ben")
    patient = centre.json("patient", "add", "--name", "-", text="Zoë Quellmann")["id"]
    return centre, tablet, patient


@promise("a cover of a few seconds that ends while the centre is killed has ended when it serves again")
def _(world):
    centre, tablet, patient = ground(world)
    end, moment = in_seconds(AHEAD_S)
    said = centre("assign", "--user", "ben", "--patient", patient, "--reason", "cover", "--until", end).out
    assert "came into the caseload of Ben" in said and f"(given as {end})" in said, said
    assert shown(tablet) == {"Zoë Quellmann": "complete"}
    centre.kill()
    assert time.time() < moment, "too slow: the cover ended before the centre was killed"
    until(moment)
    assert members(centre) == 1
    centre.start()
    wait_until(lambda: members(centre) == 0, "the centre notices by itself what ended while it was down")
    assert shown(tablet) == {"Zoë Quellmann": "left"}
    check_whole(centre)


@promise("a cover that lies ahead shows nothing before, and comes and goes by itself while the centre serves")
def _(world):
    centre, tablet, patient = ground(world)
    begin, begins = in_seconds(AHEAD_S)
    end, ends = in_seconds(2 * AHEAD_S)
    said = centre("assign", "--user", "ben", "--patient", patient, "--reason", "cover", "--from", begin, "--until", end).out
    assert "1 is to come into it" in said, said
    assert not shown(tablet)
    assert time.time() < begins, "too slow: the cover had begun"
    until(begins)
    wait_until(lambda: members(centre) == 1, "it begins by itself")
    assert shown(tablet) == {"Zoë Quellmann": "complete"}
    until(ends)
    wait_until(lambda: members(centre) == 0, "it ends by itself")
    assert shown(tablet) == {"Zoë Quellmann": "left"}
    check_whole(centre)


@promise("one's own patient stays when a cover of them ends, and a cover is cut short or called off by unassign")
def _(world):
    centre, tablet, patient = ground(world)
    end, ends = in_seconds(2)
    assign = ["assign", "--user", "ben", "--patient", patient]
    centre(*assign)
    assert centre.json(*assign, "--reason", "cover", "--until", end) == {"assigned": "1", "unchanged": "0"}
    assert centre.json(*assign) == {"assigned": "0", "unchanged": "1"}
    until(ends + 0.1)
    assert shown(tablet) == {"Zoë Quellmann": "complete"}
    centre(*assign, "--reason", "team", "--from", "2100-01-01T08:00", "--until", "2100-01-02T08:00")
    assert centre.json("unassign", "--user", "ben", "--all") == {"ended": "1", "unchanged": "0"}
    assert shown(tablet) == {"Zoë Quellmann": "left"}
    assert centre.json("unassign", "--user", "ben", "--patient", patient) == {"ended": "0", "unchanged": "1"}
    check_whole(centre)


@promise("a patient made on a tablet without signal, with the first visit and its note, arrives as its author's")
def _(world):
    centre = world.centre()
    tablet = world.tablet(centre, "ben")
    centre.stop()
    patient = tablet.json("patient", "add", "--name", "-", text="Zoë Quellmann")["id"]
    visit = tablet.json("visit", "add", "--patient", patient, "--at", in_seconds(60)[0])["id"]
    tablet("visit", "in", visit)
    tablet("note", "add", "--patient", patient, text="First contact.")
    tablet("sync", code=1)
    centre.start()
    assert shown(tablet) == {"Zoë Quellmann": "complete"}
    assert tablet.json("status")["pending"] == "0"
    assert [row["name"] for row in centre.json("patients", "--user", "ben")] == ["Zoë Quellmann"]
    assert centre.json("held") == []
    check_whole(centre)


if __name__ == "__main__":
    run_all()
