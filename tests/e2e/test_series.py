#!/usr/bin/python3
"""Visits that repeat: what one request has no room for is planned at once by the centre itself; a first visit that is
refiled ends its series."""
import datetime

from doorstep_e2e import promise, run_all, wait_until

TODAY = datetime.datetime.now(datetime.timezone.utc).date()
HEADS = 12


def at(after):
    return f"{(TODAY + datetime.timedelta(days=after)).isoformat()}T08:30"


class Agency:
    """A centre that serves, two patients in Ana's caseload, and her tablet."""

    def __init__(self, world):
        self.centre = world.centre(options=("--zone", "UTC"))
        self.ana = world.tablet(self.centre, "ana")
        self.zoe, self.ida = (self.centre.json("patient", "add", "--name", "-", text=name)["id"] for name in ("Zoë", "Ida"))
        for patient in (self.zoe, self.ida):
            self.centre("assign", "--user", "ana", "--patient", patient)
        self.ana("sync")

    def planned(self, patient):
        rows = self.centre.json("visit", "list", "--patient", patient)
        return sum(row["status"] == "planned" for row in rows)


@promise("a tablet that brings many series at once is answered soon, and the centre plans all of them without being asked")
def _(world):
    agency = Agency(world)
    for _number in range(HEADS):
        agency.ana("visit", "add", "--patient", agency.zoe, "--at", at(1), "--every", "day")
    agency.ana("sync")
    # Tomorrow and the 59 days that follow it, each.
    wait_until(lambda: agency.planned(agency.zoe) == HEADS * 60, "all series are planned")
    agency.ana("sync")
    agency.centre("verify")


@promise("a first visit that was made and is then refiled ends its series: the wrong patient's later visits are cancelled")
def _(world):
    agency = Agency(world)
    visit = agency.ana.json("visit", "add", "--patient", agency.zoe, "--at", at(1), "--every", "week")["id"]
    agency.ana("sync")
    agency.ana("visit", "in", visit)
    agency.ana("visit", "out", visit)
    agency.ana("sync")
    assert agency.planned(agency.zoe) == 8
    filed = agency.ana.json("refile", f"visit/{visit}", "--patient", agency.ida)
    assert filed["old"] == "cancelled", filed
    agency.ana("sync")
    assert agency.planned(agency.zoe) == 0
    assert agency.planned(agency.ida) == 8
    assert agency.ana.json("held") == []
    agency.centre("verify")


if __name__ == "__main__":
    run_all()
