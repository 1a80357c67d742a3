"""What must be true of every centre and its tablets once all is quiet, whatever happened before.

    agency = Agency(world, ("ana", "ben"), patients=3)    # a centre, tablets behind a proxy each, all in one caseload
    settle(agency)                                        # sync until nothing is left to send or to fetch
    check_all(agency)                                     # equal, once each, proven, whole
"""
from doorstep_e2e import wait_until

ROUNDS_MAX = 10
KINDS = ("patient contact worker assignment visit note addendum task plan goal need medication allergy observation"
         " assessment risk consent interaction attachment review conflict").split()


class Agency:
    """A centre with patients that every one of these care managers has, and a tablet each, behind a proxy each."""

    def __init__(self, world, logins=("ana",), patients=1):
        self.world, self.centre = world, world.centre()
        self.patients = [self.centre.json("patient", "add", "--name", "-", text=f"Patient {i}\n")["id"]
                         for i in range(patients)]
        self.tablets = {}
        self.proxies = {}
        for login in logins:
            self.proxies[login] = world.proxy(self.centre.port)
            self.tablets[login] = world.tablet(self.centre, login, url=self.proxies[login].url)
            for patient in self.patients:
                self.centre("assign", "--user", login, "--patient", patient)
        for tablet in self.tablets.values():
            tablet("sync")


def history_count(centre):
    return centre.read("SELECT count(*) FROM history")[0][0]


def settings(tablet, **values):
    """The tablet's doorstep.conf."""
    text = "".join(f"{key} = {value}\n" for key, value in values.items())
    (tablet.folder / "doorstep.conf").write_text(text, encoding="ascii")


def kinds(read):
    """The tables of records, with the columns of a record at the centre."""
    columns = {}
    for name, column in read("SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c"
                             " WHERE m.type = 'table' AND c.name <> 'version' ORDER BY 1, 2"):
        if name in KINDS:
            columns.setdefault(name, []).append(column)
    return columns


def records_of(read, deleted=()):
    """Every row of every kind as {(kind, id): {column: value}}, without those whose ids are in deleted."""
    found = {}
    for kind, columns in kinds(read).items():
        names = ", ".join(f'"{column}"' for column in columns)
        for row in read(f'SELECT {names} FROM "{kind}"'):
            values = dict(zip(columns, row))
            if values["id"] not in deleted:
                found[(kind, values["id"])] = values
    return found


def records(program):
    """The records of a tablet, or those of a centre that are not deleted."""
    with program.reading() as read:
        if program.name == "doorstep":
            return records_of(read)
        ids = [row[0] for row in read("SELECT lower(hex(id)) FROM record WHERE deleted = 1")]
        return records_of(read, {"-".join((i[:8], i[8:12], i[12:16], i[16:20], i[20:])) for i in ids})


def check_equal(centre, tablet):
    """The tablet holds what the centre holds, every kind, every field."""
    here, there = records(tablet), records(centre)
    assert len(there) > 1, "the centre holds nothing"
    for key in sorted(here.keys() | there.keys()):
        assert here.get(key) == there.get(key), f"{key}: tablet {here.get(key)}, centre {there.get(key)}"


def check_once(centre, tablet):
    """Every number that the tablet gave is in the centre's history once, with the same content, and has its outcome."""
    device = int(tablet.json("status")["device"])
    there = centre.read("SELECT n, digest FROM history WHERE device = ? AND of_seq = 0 ORDER BY seq", device)
    here = tablet.read("SELECT n, digest FROM ds_journal ORDER BY n")
    assert sorted(there) == here, f"journal {[row[0] for row in here]}, history {[row[0] for row in there]}"
    assert [row[0] for row in here] == list(range(1, len(here) + 1)), "numbers without a gap"


def check_whole(program):
    """Signatures, chain, journal and file."""
    result = program("verify", code=None)
    assert result.code == 0, repr(result)
    assert program.read("PRAGMA integrity_check") == [("ok",)]


def settle(agency):
    """Sync all tablets, one after the other, until a whole round moves nothing."""

    def quiet():
        reports = [tablet.json("sync") for tablet in agency.tablets.values()]
        return all(report[what] == "0" for report in reports for what in ("sent", "records", "pending", "patients_filling"))

    assert any(quiet() for _ in range(ROUNDS_MAX)), "there is no end to it"


def check_all(agency):
    for tablet in agency.tablets.values():
        assert tablet.json("status")["pending"] == "0"
        check_equal(agency.centre, tablet)
        check_once(agency.centre, tablet)
        check_whole(tablet)
    check_whole(agency.centre)


def sync_open(agency, login="ana"):
    """Begin a sync with changes and let the centre commit them; the answer is held back. Ended by Proxy.release."""
    before = history_count(agency.centre)
    agency.proxies[login].hold()
    process = agency.tablets[login].begin("sync", "--json")
    wait_until(lambda: history_count(agency.centre) > before, "the centre has committed")
    wait_until(agency.proxies[login].asking, "its answer is held back")
    assert process.poll() is None
    return process
