#!/usr/bin/python3
"""An independent reading of the wire meets the real programs: what they say to each other is read and written again to
the byte (protocol.py), and a whole small tablet made from the page alone (small_tablet.py) works with a real centre."""
import json
import random
import sys
import uuid

from doorstep_e2e import promise, run_all
from doorstep_proof import Agency, check_equal, check_whole, history_count, records
from doorstep_relay import Relay

try:
    import nacl.signing
    import protocol
    from small_tablet import Refused, SmallTablet, ask
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

BUDGET_MIN = 4096
RECORD_BYTES = 2000
CHANGE_MAP = protocol.unpack
MUST_TRAVEL = {"a brief", "a splice", "accepted", "judged", "held", "returned", "merged", "superseded", "create", "delete", "bring-back",
               "edit", "base dict", "base int", "evidence of a group", "whole", "deleted", "news", "request cursor",
               "request held", "request clock", "request health", "answer filling", "answer complete", "answer let_go"}
PATIENT_NEW = "00000000-0000-4000-8000-0000000000aa"


class Meeting:
    """A centre with patients, a small tablet (ana's), and a real one (ben's), both with all of these patients."""

    def __init__(self, world, patients=1):
        self.agency = Agency(world, ("ben",), patients=patients)
        self.centre, self.ben, self.patients = self.agency.centre, self.agency.tablets["ben"], self.agency.patients
        self.centre("user", "add", "ana", "--name", "Ana", "--role", "care-manager")
        self.ana = SmallTablet(self.centre.url, self.centre.code("ana"))
        for patient in self.patients:
            self.centre("assign", "--user", "ana", "--patient", patient)
        self.ana.sync()

    @property
    def patient(self):
        return self.patients[0]

    def round(self):
        self.ana.sync()
        self.ben("sync")
        self.ana.sync()
        self.ben("sync")

    def check_same(self):
        """All three hold the same, every kind, every field."""
        check_equal(self.centre, self.ben)
        there = records(self.ben)
        here = {(kept["kind"], key): kept for key, kept in self.ana.records.items() if not kept["deleted"]}
        assert here.keys() == there.keys(), here.keys() ^ there.keys()
        for (kind, key), row in there.items():
            fields = protocol.SCHEMA.kind(kind).fields
            known = {name: row[name] for name in fields if name in row and row[name] is not None}
            assert self.ana.values(key) == known, (kind, self.ana.values(key), known)
            assert row.get("patient") == here[kind, key]["patient"], (kind, key)
        assert not self.ana.incomplete and not self.ana.unsettled


# --- what two real tablets say to their centre -----------------------------------------------------------------------


def insert(tablet, kind, patient, **values):
    """A row by plain SQL; returns its id."""
    key = values.pop("id", None) or str(uuid.uuid4())
    values = {"id": key, **({"patient": patient} if patient else {}), **values}
    words = ", ".join(str(value) if isinstance(value, int) else f"'{value}'" for value in values.values())
    tablet.sql(f"INSERT INTO {kind}({', '.join(values)}) VALUES({words})")
    return key


def every_type(tablet, patient):
    """Records with values of every type: text beyond ASCII, dates, times, numbers, booleans, words, sets, ids."""
    visit = insert(tablet, "visit", patient, planned_from=1795000000000, planned_to=1795003600000, purpose="Wound – 東",
                   participants='["daughter","nurse"]')
    insert(tablet, "note", patient, visit=visit, written_at=1795000000000, observed="Zoë is well. " * 400)
    insert(tablet, "contact", patient, name="Łukasz", roles='["son"]', may_discuss=1)
    insert(tablet, "goal", patient, text="Walks to the shop", due="2027-03", status="active")
    insert(tablet, "observation", patient, code="8867-4", value="72", unit="/min", visit=visit)
    insert(tablet, "interaction", patient, type="call", minutes=15, happened_at=1795000000000)
    insert(tablet, "patient", None, id=PATIENT_NEW, name="New", birth_date="1948-02-29", interpreter=1)


def all_endings(agency, relay):
    """Two tablets work until every result, verdict, flag and form of base has travelled. relay: the first one's."""
    centre, (patient, other), ana, ben = agency.centre, agency.patients, *agency.tablets.values()
    every_type(ana, patient)
    task = insert(ana, "task", patient, title="First", due_from=1795000000000)
    gone = insert(ana, "task", patient, title="Gone")
    kept = insert(ana, "task", patient, title="Kept")
    dose = insert(ana, "medication", patient, name="Ramipril", dose="5", unit="mg")
    tags = insert(ana, "contact", patient, name="Jo", roles='["neighbour"]')
    relay.answer = b"lost"
    ana("sync", code=None)
    ana.sql(f"UPDATE contact SET phone = '1' WHERE id = '{tags}'")
    ana.sql(f"UPDATE task SET title = 'First again' WHERE id = '{task}'")
    ana("sync")
    ben("sync")
    ana("set", f"medication/{dose}", "dose=10")
    ben("set", f"medication/{dose}", "dose=2.5")
    ana.sql(f"UPDATE contact SET roles = '[\"friend\",\"neighbour\"]' WHERE id = '{tags}'")
    ben.sql(f"UPDATE contact SET roles = '[\"neighbour\",\"proxy\"]' WHERE id = '{tags}'")
    ana.sql(f"UPDATE task SET title = 'Second' WHERE id = '{task}'")
    ana.sql(f"UPDATE task SET priority = 'high' WHERE id = '{task}'")
    ana.sql(f"DELETE FROM task WHERE id IN ('{gone}', '{kept}')")
    for tablet in (ana, ben, ana, ben):
        tablet("sync")
    insert(ben, "task", patient, id=kept, title="Kept")
    ben.sql("UPDATE note SET observed = observed || 'Zoë sleeps.'")
    for tablet in (ben, ana):
        tablet("sync")
    centre("unassign", "--user", "ben", "--patient", other)
    ben("sync")  # and hears of it
    insert(ben, "observation", other, code="8867-4", value="80")
    ben("sync")
    ben("sync")
    for held in centre.json("held"):
        centre("held", "return", held["id"], "--as", "sue")
    for tablet in (ben, ana):
        tablet("sync")


class Ledger:
    """What a tablet has heard of its centre, as far as briefs need it."""

    def __init__(self):
        self.records, self.texts, self.bodies = {}, {}, {}  # by sequence; by record and field number; by n

    def text(self, _kind, record, number, sequence):
        return max(each for each in self.texts[record, number] if each[0] <= sequence)[1]

    def body(self, each):
        """A change as it is in its tablet's journal."""
        body = each["body"]
        if "brief" in each:
            body = protocol.make_whole(each["body"], self.records.__getitem__, self.text)
            change, first = CHANGE_MAP(body), CHANGE_MAP(body)[6][0][1]
            record = protocol.CHANGE.decode(body)["id"]
            spliced = [number for number, value in CHANGE_MAP(each["body"]).get(5, {}).items() if isinstance(value, list)]
            bases = {number: self.text(change[0], record, number, first) for number in spliced}
            assert protocol.make_brief(body, bases) == each["body"], "a brief, written again"
        self.bodies[each["n"]] = body
        return body

    def hear(self, told):
        for outcome in told["outcomes"]:
            change = protocol.CHANGE.decode(self.bodies[outcome["n"]])
            stands = outcome["result"] == "accepted"
            self._note(outcome["sequence"], change["kind"], change["id"], change["values"] if stands else {})
        for record in told["records"]:
            self._note(record["sequence"], record["kind"], record["id"], record["values"])

    def _note(self, sequence, kind, record, values):
        self.records[sequence] = record
        for name, value in values.items():
            texts = self.texts.setdefault((record, protocol.SCHEMA.kind(kind).fields[name][0]), [])
            if isinstance(value, dict):
                value = protocol.join_splice(value, texts[-1][1])
            if isinstance(value, str):
                texts.append((sequence, value))


class Recording:
    """The bodies of two tablets' syncs, and the keys to read them."""

    def __init__(self, world):
        agency = Agency(world, ("ana", "ben"), patients=2)
        agency.centre("user", "add", "sue", "--name", "Sue", "--role", "supervisor")
        self.centre_key = protocol.CARD.decode(ask(agency.centre.url, "GET", "/v1/centre"))["key"]
        self.talks = []  # (tablet's key, [(request, answer)])
        with Relay(agency.centre) as first, Relay(agency.centre) as second:
            relays = {"ana": first, "ben": second}
            for login, relay in relays.items():
                relay.lead(agency.tablets[login])
            all_endings(agency, first)
        for login, relay in relays.items():
            key = nacl.signing.SigningKey((agency.tablets[login].folder / "keys/tablet.seed").read_bytes())
            self.talks.append((key, list(zip(relay.requests, relay.answers))))

    def exchanges(self):
        """Every request and answer, opened, with the running digest that the tablet can expect by then."""
        for key, calls in self.talks:
            ran, run, ledger = 0, bytes(32), Ledger()
            for request, answer in calls:
                asked = protocol.open_request(request, bytes(key.verify_key))
                assert protocol.seal_request(asked["device"], asked["counter"], asked["stream"], key) == request
                asked["bodies"] = {}
                for each in protocol.REQUEST.decode(protocol.inflate(asked["stream"]))["changes"]:
                    asked["bodies"][each["n"]] = ledger.body(each)
                    if each["n"] == ran + 1:
                        ran, run = each["n"], protocol.run_digest(run, each["n"], ledger.bodies[each["n"]])
                told = protocol.open_answer(answer, request, self.centre_key, (ran, run))
                assert (told["last_n"], told["running"]) == (ran, run), "the running digest"
                ledger.hear(protocol.ANSWER.decode(protocol.inflate(told["stream"]), told["sequence"]))
                yield asked, told

    def messages(self):
        """Every request and answer, read into names, and the bodies of the request's changes."""
        for asked, told in self.exchanges():
            yield protocol.REQUEST.decode(protocol.inflate(asked["stream"])), \
                protocol.ANSWER.decode(protocol.inflate(told["stream"]), told["sequence"]), asked["bodies"].values()


def check_rewritten(form, data, *more):
    """Read into names and written again, these are the same bytes; returns what was read."""
    value = form.decode(data, *more)
    again = form.encode(value, *more)
    at = next((at for at, (one, other) in enumerate(zip(data, again)) if one != other), min(len(data), len(again)))
    assert again == data, f"byte {at}: {data[at : at + 16].hex()}, written {again[at : at + 16].hex()}, of {value}"
    return value


def covered(recording):
    """What of the page's tables was met in these syncs."""
    met = set()
    for asked, told, bodies in recording.messages():
        met |= {f"request {name}" for name, value in asked.items() if value}
        met |= {f"answer {name}" for name, value in told.items() if value}
        met |= {"a brief" for each in asked["changes"] if "brief" in each}
        for change in map(protocol.CHANGE.decode, bodies):
            met |= set(change["flags"] or {"edit"})
            met |= {f"base {type(group['base']).__name__}" for group in change["groups"]}
            met |= {"evidence of a group" for group in change["groups"] if "evidence" in group}
        for outcome in told["outcomes"]:
            met |= {outcome["result"], outcome.get("reason")} | set(outcome.get("verdicts", {}).values())
        for record in told["records"]:
            met |= set(record["flags"] or {"news"})
            met |= {"a splice" for value in record["values"].values() if isinstance(value, dict)}
    return met


@promise("all that two tablets and their centre say to each other is read, and written again to the byte")
def _(world):
    recording = Recording(world)
    calls = changes = short = 0
    for asked, told in recording.exchanges():
        check_rewritten(protocol.ANSWER, protocol.inflate(told["stream"]), told["sequence"])
        check_rewritten(protocol.REQUEST, protocol.inflate(asked["stream"]))
        for body in asked["bodies"].values():
            check_rewritten(protocol.CHANGE, body)
            changes += 1
        calls += 1
        short += not told["full"]
    assert 2 * short > calls, "what a tablet knows does not travel"
    met = covered(recording)
    assert met >= MUST_TRAVEL, f"these never travelled: {MUST_TRAVEL - met}"
    print(f"# {calls} requests and answers, {changes} changes", flush=True)


# --- a small tablet and the centre -----------------------------------------------------------------------------------


@promise("a program made from the page enrols, fetches its caseload, and all that it writes stands at the centre")
def _(world):
    it = Meeting(world, patients=2)
    ana = it.ana
    assert ana.enrolled["login"] == "ana" and ana.enrolled["agency"] == "Test agency", ana.enrolled
    assert set(ana.of("patient")) == set(it.patients) and not ana.incomplete
    task = ana.create("task", it.patient, title="Call", due_from=1795086400000, due_to=1795090000000)
    visit = ana.create("visit", it.patient, planned_from=1795000000000, planned_to=1795003600000,
                       participants='["daughter","nurse"]')
    ana.create("note", it.patient, visit=visit, observed="Zoë – 東", written_at=1795000000000)
    ana.create("observation", it.patient, code="8867-4", value="72.50", visit=visit)
    new = ana.create("patient", None, name="Łukasz", birth_date="1948-02-29", interpreter=1)
    ana.edit("task", task, due_to=1795099999000)
    ana.edit("task", task, status="done", outcome="Spoke to her")
    gone = ana.create("task", it.patient, title="Gone")
    ana.delete("task", gone)
    ana.sync()
    assert [ana.outcomes[n]["result"] for n in sorted(ana.journal)] == ["accepted"] * 9, ana.outcomes
    it.centre("assign", "--user", "ben", "--patient", new)
    it.round()
    it.check_same()
    assert ana.values(task)["due_to"] == 1795099999000 and gone not in ana.of("task")
    check_whole(it.centre)


@promise("what was written before a tablet heard anything of its centre stands as it was written")
def _(world):
    it = Meeting(world)
    early = SmallTablet(it.centre.url, it.centre.code("ana"))
    task = early.create("task", it.patient, title="Before", due_from=1795086400000)
    early.edit("task", task, due_to=1795090000000)
    early.sync()
    assert [each["result"] for each in early.outcomes.values()] == ["accepted"] * 2, early.outcomes
    it.round()
    assert it.ana.values(task)["due_from"] == 1795086400000 and it.ana.values(task)["due_to"] == 1795090000000
    it.check_same()


@promise("values have one form, that of the page: another is held as invalid, and the fields have their own")
def _(world):
    it = Meeting(world)
    ana, members = it.ana, ["zoë", 'a"b', "a[b", "a]b", "a\nb", "a\x1bb", "東"]
    good = protocol.set_text(members)
    contact = ana.create("contact", it.patient, name="Jo", roles=good)
    ana.create("goal", it.patient, due="2027-03")
    ana.sync()
    assert {each["result"] for each in ana.outcomes.values()} == {"accepted"}, ana.outcomes
    for kind, values in (("contact", {"name": "Jo", "roles": json.dumps(sorted(members), ensure_ascii=False,
                                                                       separators=(",", ":"))}),
                         ("contact", {"name": "Jo", "roles": '["b", "c"]'}), ("contact", {"name": "Jo", "roles": "[]"}),
                         ("goal", {"due": "2027-3"}), ("goal", {"due": "2027-02-30"}), ("goal", {"status": "odd"})):
        ana.create(kind, it.patient, **values)
        ana.sync()
        assert ana.outcomes[ana.last_n].get("reason") == "invalid", (values, ana.outcomes[ana.last_n])
    it.ben("sync")
    assert it.ben.read("SELECT roles FROM contact WHERE id = ?", contact) == [(good,)]


@promise("a dose that a small and a real tablet both changed opens one conflict, and the small one can decide it for all")
def _(world):
    it = Meeting(world)
    dose = it.ana.create("medication", it.patient, name="Ramipril", dose="5", unit="mg")
    it.round()
    n = it.ana.edit("medication", dose, dose="2.5")
    it.ben("set", f"medication/{dose}", "dose=10")
    it.ben("sync")
    it.ana.sync()
    assert it.ana.outcomes[n]["verdicts"] == {1: "superseded"}, it.ana.outcomes[n]
    assert it.ana.values(dose)["dose"] == "10" and len(it.ana.of("conflict")) == 1
    it.round()
    it.check_same()
    (conflict,) = it.ana.of("conflict")
    candidates = json.loads(it.ana.values(conflict)["candidates"])
    choice = next(each["n"] for each in candidates if each["values"]["dose"] == "2.5")
    decision = {"choice": choice, "seen": [each["seq"] for each in candidates]}
    it.ana.edit("conflict", conflict, decision=json.dumps(decision, separators=(",", ":")))
    it.round()
    assert it.ana.values(dose)["dose"] == "2.5" and it.ana.values(conflict)["status"] == "closed"
    it.check_same()


@promise("a small tablet's note that a real tablet wrote in as well ends the same on both, and no word is lost")
def _(world):
    it = Meeting(world)
    text = "She slept well. The wound is dry.\nHer daughter visits on Sundays."
    note = it.ana.create("note", it.patient, observed=text, plan="Call again")
    it.round()
    it.ana.edit("note", note, observed=text.replace("slept well", "slept rather well"))
    it.ben("note", "edit", note, "--section", "observed", text=text.replace("Her daughter", "Her older daughter"))
    it.ben("sync")
    it.round()
    it.check_same()
    beside = [each["values"]["candidates"] for each in it.ana.of("conflict").values()]
    kept = "".join([it.ana.values(note)["observed"], *beside])
    assert "rather" in kept and "older" in kept, kept


@promise("a receipt answers for every change up to its number, and for no other request, number or content")
def _(world):
    it = Meeting(world)
    ana = it.ana
    task = ana.create("task", it.patient, title="One")
    ana.sync()
    first = ana.receipt
    ana.edit("task", task, title="Two")
    ana.sync()
    assert (first["last_n"], ana.receipt["last_n"]) == (1, 2) and ana.receipt["sequence"] > first["sequence"]
    (request, answer), known = ana.calls[-1], (2, ana.receipt["running"])
    assert not protocol.open_answer(answer, request, ana.centre_key, known)["full"], "the tablet knows what it expects"
    for at in (4, 10, 20, len(request) - 1):
        other = request[:at] + bytes([request[at] ^ 1]) + request[at + 1 :]
        assert refuses(lambda other=other: protocol.open_answer(answer, other, ana.centre_key, known)), at
    for at in (5, 70, 80, 90, 120, len(answer) - 1):
        other = answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]
        assert refuses(lambda other=other: protocol.open_answer(other, request, ana.centre_key, known)), at
    assert refuses(lambda: protocol.open_answer(ana.calls[-2][1], request, ana.centre_key, known)), "a stale answer"
    other = (2, bytes([known[1][0] ^ 1]) + known[1][1:])
    assert refuses(lambda: protocol.open_answer(answer, request, ana.centre_key, other)), "of other changes"


@promise("after a lost answer the same changes go again under a new counter, count once, and get the same outcomes")
def _(world):
    it = Meeting(world)
    ana = it.ana
    task = ana.create("task", it.patient, title="One")
    ana.edit("task", task, priority="high")
    _, lost, _ = ana.send(ana.request())
    before = history_count(it.centre)
    ana.edit("task", task, status="done")
    answers = ana.sync()
    assert history_count(it.centre) == before + 1, "only what was written since"
    assert [each for each in answers[0]["outcomes"] if each["n"] < 3] == lost["outcomes"], (answers, lost)
    it.round()
    it.check_same()


@promise("a caseload comes in pages of the size that was asked for, and is incomplete until the page that says so")
def _(world):
    it = Meeting(world)
    for at in range(30):
        it.ben.sql(f"INSERT INTO note(patient, observed) VALUES('{it.patient}', '{noise(at)}')")
    it.ben("sync")
    small = SmallTablet(it.centre.url, it.centre.code("ana"))
    seen = []
    while not seen or seen[-1]["more"]:
        head, answer, began = small.send(small.request(budget=BUDGET_MIN))
        # The centre takes it that a message shrinks to a third; a page is over with the record that passes the budget.
        size = len(protocol.inflate(head["stream"]))
        assert size < 3 * BUDGET_MIN + 2 * RECORD_BYTES, f"{size} bytes in a page"
        small.apply(head, answer, began)
        seen.append(answer)
        assert (it.patient in small.incomplete) == answer["more"], (len(seen), answer["more"])
    assert len(seen) > 5 and len(small.of("note")) == 30, len(seen)
    it.ana.sync()
    assert everything(small) == everything(it.ana)


@promise("a request that its tablet did not sign is refused with 401 and applies nothing, and so is one of no tablet")
def _(world):
    it = Meeting(world)
    ana = it.ana
    ana.create("task", it.patient, title="One")
    before, good = history_count(it.centre), ana.request()
    stranger = nacl.signing.SigningKey.generate()
    stream = protocol.deflate(protocol.REQUEST.encode(ana.message()))
    for wrong in (good[:-1] + bytes([good[-1] ^ 1]), good[:20] + bytes([good[20] ^ 1]) + good[21:],
                  protocol.seal_request(ana.device, 99, stream, stranger),
                  protocol.seal_request(99, 1, stream, ana.key)):
        assert status_of(ana, wrong) == 401, wrong[:16].hex()
    assert history_count(it.centre) == before
    ana.sync()
    assert not ana.unsettled and history_count(it.centre) == before + 1


@promise("under a used counter changes count, but neither news nor outcomes come until a fresh one does")
def _(world):
    it = Meeting(world)
    ana = it.ana
    it.ben("task", "add", "-", "--patient", it.patient, text="News")
    it.ben("sync")
    ana.create("task", it.patient, title="One")
    before = history_count(it.centre)
    head, answer, _ = ana.send(ana.seal(ana.counter, ana.message()))
    told = [answer[name] for name in ("notices", "records", "outcomes", "cursor")]
    assert told == [["counter-used"], (), (), b""], answer
    assert head["last_n"] == 1 and history_count(it.centre) == before + 1
    request = ana.request()
    _, first, _ = ana.send(request)
    _, again, _ = ana.send(request)
    assert not first["notices"] and first["records"] and first["outcomes"][0]["result"] == "accepted", first
    assert again["outcomes"] == first["outcomes"] and not again["cursor"] and not again["notices"], again
    assert [record["values"] for record in again["records"]] == [{"title": "One"}], "what it changed, and no news"
    it.round()
    assert history_count(it.centre) == before + 1
    it.check_same()


@promise("each notice comes when the page says so, and what it asks for mends it")
def _(world):
    it = Meeting(world)
    ana = it.ana
    ana.create("task", it.patient, title="One")
    ana.create("task", it.patient, title="Two")
    head, answer, began = ana.send(ana.request(changes=[{"n": 2, "body": ana.journal[2]}]))
    assert (answer["notices"], answer["send_from"], head["last_n"]) == (["numbers-missing"], 1, 0), (answer, head)
    ana.apply(head, answer, began)
    ana.sync()
    assert not ana.unsettled and [ana.outcomes[n]["result"] for n in (1, 2)] == ["accepted"] * 2, ana.outcomes
    before = everything(ana)
    answers = ana.sync(cursor=b"nonsense")
    assert "cursor-refused" in answers[0]["notices"] and not ana.cursor, answers
    ana.records = {}
    ana.sync(cursor=b"")
    assert everything(ana) == before and not ana.incomplete
    assert "schema-unknown" in ana.sync(schema=ana.schema + 1)[0]["notices"]
    ana.sync(health={"waiting": 3, "free_mb": 20480, "battery": 0, "version": "7.8.9"})
    there = it.centre.read("SELECT pending, free_mb, battery, version FROM device WHERE device = ?", ana.device)
    assert there == [(3, 20480, 0, "7.8.9")], there


@promise("of a long text a small tablet gets what is new in it, and where it has another it fetches everything anew")
def _(world):
    it = Meeting(world)
    text = "She slept well – 東. The wound is dry and clean. Her daughter visits on Sundays, her son calls every day. " * 2
    note = it.ana.create("note", it.patient, observed=text)
    it.round()
    for at in range(2):
        text = text.replace("slept", "really slept", 1)
        it.ben.sql(f"UPDATE note SET observed = '{text}'")
        it.ben("sync")
        if at == 1:
            it.ana.records[note]["values"]["observed"] = "Another text"
        told = it.ana.sync()[0]["records"]
        assert len(it.ana.calls[-1][1]) < 300 and len(told) == 1, told
        assert it.ana.anew == (at == 1) and (it.ana.values(note)["observed"] == text) == (at == 0), it.ana.values(note)
    it.round()
    it.check_same()
    assert it.ana.values(note)["observed"] == text


@promise("an edit may come as a brief; one that the centre can't make whole is asked for whole, and nothing is taken")
def _(world):
    it = Meeting(world)
    ana = it.ana
    text = "She slept well. The wound is dry and clean. Her daughter visits on Sundays, her son calls every day."
    note = ana.create("note", it.patient, observed=text, plan="Call again")
    ana.sync()
    number = protocol.SCHEMA.kind("note").fields["observed"][0]
    n = ana.edit("note", note, observed=text.replace("clean", "almost clean – 東"))
    brief = protocol.make_brief(ana.journal[n], {number: text})
    assert len(brief) < len(ana.journal[n]) - 80, (len(brief), len(ana.journal[n]))
    before = history_count(it.centre)
    for wrong in ({"changes": [{"n": n, "body": brief, "brief": 1}], "expected": b""},
                  {"changes": [{"n": n, "body": brief, "brief": 1}], "expected": bytes(8)},
                  {"changes": [{"n": n, "body": protocol.make_brief(ana.journal[n], {number: text[:70]}), "brief": 1}],
                   "expected": bytes(8)}):
        head, answer, began = ana.send(ana.request(**wrong))
        assert (answer["notices"], head["last_n"]) == (["send-whole"], n - 1), (wrong, answer)
    assert history_count(it.centre) == before, "nothing was taken"
    head, answer, began = ana.send(ana.request(changes=[{"n": n, "body": brief, "brief": 1}]))
    assert not answer["notices"] and answer["outcomes"][0]["result"] == "accepted", answer
    ana.apply(head, answer, began)
    it.round()
    it.check_same()
    assert it.centre.json("show", f"note/{note}")["observed"] == ana.values(note)["observed"]


@promise("a number that comes again with other content is held, and the first content stands")
def _(world):
    it = Meeting(world)
    ana = it.ana
    task = ana.create("task", it.patient, title="One")
    ana.sync()
    n = ana.edit("task", task, title="Two")
    _, first, _ = ana.send(ana.request())
    assert first["outcomes"][0]["result"] == "accepted", first
    other = {**protocol.CHANGE.decode(ana.journal[n]), "patient": None}
    other["values"]["title"] = "Another two"
    _, second, _ = ana.send(ana.request(changes=[{"n": n, "body": protocol.CHANGE.encode(other)}]))
    told = [(each["n"], each["result"], each.get("reason")) for each in second["outcomes"]]
    assert told == [(n, "held", "number")], second
    assert it.centre.json("show", f"task/{task}")["title"] == "Two"


@promise("another centre is known before the code's secret leaves, and its answers are no answers")
def _(world):
    it = Meeting(world)
    other = world.centre(name="Other", folder="other")
    other("user", "add", "ana", "--name", "Ana", "--role", "care-manager")
    assert refuses(lambda: SmallTablet(other.url, it.centre.code("ana")))
    assert not other.read("SELECT 1 FROM device WHERE device > 0"), "nobody was enrolled"
    twin = SmallTablet(other.url, other.code("ana"))
    request = it.ana.request()
    assert status_of(twin, request) == 401, "a tablet of another centre"
    request = twin.request()
    assert refuses(lambda: protocol.open_answer(twin.post("/v1/sync", request), request, it.ana.centre_key, (0, bytes(32))))


@promise("a code enrols once: the same key gets the same answer again, another key is refused")
def _(world):
    it = Meeting(world)
    code = it.centre.code("ana")
    tablet = SmallTablet(it.centre.url, code)
    check_rewritten(protocol.CARD, ask(it.centre.url, "GET", "/v1/centre"))
    again = check_rewritten(protocol.ENROLLED, tablet.post("/v1/enrol", tablet.asked))
    assert {**again, "time": 0} == {**tablet.enrolled, "time": 0}
    assert protocol.write_code(b"".join(protocol.read_code(code.lower().replace("-", " ")))) == code
    try:
        SmallTablet(it.centre.url, code)
        raise AssertionError("a second tablet with one code")
    except Refused as refusal:
        assert refusal.status == 401, refusal


def refuses(act):
    try:
        act()
    except protocol.Wrong:
        return True
    return False


def status_of(tablet, request):
    """The status of the centre's answer to these bytes."""
    try:
        tablet.post("/v1/sync", request)
        return 200
    except Refused as refusal:
        return refusal.status


def everything(tablet):
    return {key: tablet.values(key) for key in tablet.records}


def noise(seed):
    """Text that hardly compresses."""
    return random.Random(seed).randbytes(RECORD_BYTES // 2).hex()


if __name__ == "__main__":
    run_all()
