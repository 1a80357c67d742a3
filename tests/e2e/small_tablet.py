"""A whole small tablet program, written from proto/README.md alone, that talks to a real centre.

    tablet = SmallTablet(centre.url, code)              # enrolled
    tablet.sync()
    task = tablet.create("task", patient, title="Call the pharmacy")
    tablet.edit("task", task, status="done")
    tablet.sync()
    tablet.records[task]["values"], tablet.outcomes[2]

It keeps everything in memory. Each edit is a change at once, so nothing is dirty; besides that it does what section 11
of the page says. It checks what a tablet can check: that each answer is signed and answers the newest request, that the
running digest is that of its own journal, that whatever it is told makes sense.
"""
import http.client
import ssl
import time
import urllib.parse
import uuid

import nacl.signing
import protocol
from protocol import ANSWER, CARD, CHANGE, ENROL, ENROLLED, REQUEST, SCHEMA, Wrong, need

ENVELOPE = "application/vnd.doorstep.envelope"
CALLS_MAX = 200


class Refused(Exception):
    """Another status than 200."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status}: {body!r}")
        self.status, self.headers, self.body = status, headers, body


def ask(url, method, path, body=None, trust=None, form=ENVELOPE):
    """The body of a 200. trust: an SSL context; None = whoever answers, as before enrolment."""
    if trust is None:
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    at = urllib.parse.urlsplit(url)
    connection = http.client.HTTPSConnection(at.hostname, at.port, context=trust, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": form} if body is not None else {})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise Refused(response.status, dict(response.getheaders()), answer)
        return answer
    finally:
        connection.close()


def clock():
    return time.monotonic_ns() // 1_000_000


class SmallTablet:
    def __init__(self, url, code, name="small tablet", schema=None):
        self.url = url
        self.key = nacl.signing.SigningKey.generate()
        self.public = bytes(self.key.verify_key)
        self._enrol(code, name)
        self.schema = schema or self.enrolled["schema"]
        self.counter, self.last_n, self.cursor = 0, 0, b""
        self.answer = None                       # the newest one, and by our clock when it came and how long it took
        self.answered_at = self.took = 0
        self.journal, self.unsettled = {}, {}    # n: body; n: decoded change
        self.held, self.outcomes, self.returned = {}, {}, {}
        self.records, self.incomplete = {}, set()
        self.seen, self.beside = {}, {}          # (id, group): base; (id, group): what the centre has
        self.run, self.ran = bytes(32), 0        # the running digest of our journal up to n
        self.receipt = None
        self.calls = []                          # (request, answer), as they travelled

    def _enrol(self, code, name):
        secret, prefix = protocol.read_code(code)
        card = CARD.decode(ask(self.url, "GET", "/v1/centre"))
        need(protocol.identity(card["ca"], card["key"])[:10] == prefix, "this is another centre than the code's")
        self.trust = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(card["ca"]))
        self.centre_key = card["key"]
        self.asked = ENROL.encode({"secret": secret, "key": self.public, "name": name, "version": "0.0.1"})
        self.enrolled = ENROLLED.decode(self.post("/v1/enrol", self.asked))
        self.device = self.enrolled["device"]

    def post(self, path, body):
        return ask(self.url, "POST", path, body, self.trust)

    # --- what its care manager writes ---

    def _evidence(self):
        """Nothing was measured before the first answer."""
        if self.answer is None:
            return None
        return {"heard": self.answer["sent"], "elapsed": clock() - self.answered_at, "slack": self.took,
                "steadiness": "nothing-since"}

    def _write(self, change):
        self.last_n += 1
        body = CHANGE.encode(change)
        self.journal[self.last_n] = body
        self.unsettled[self.last_n] = {"flags": set(), "groups": [], **change}
        return self.last_n

    def create(self, kind, patient, **values):
        """patient: None where the kind is the patient itself."""
        record = str(uuid.uuid4())
        given = {name: value for name, value in values.items() if value is not None}
        change = {"kind": kind, "id": record, "flags": {"create"}, "evidence": self._evidence(), "values": given}
        n = self._write(change if patient is None else {**change, "patient": patient})
        self.records[record] = {"kind": kind, "patient": patient, "deleted": False, "values": given}
        for number in SCHEMA.kind(kind).groups:
            self.seen[record, number] = {"n": n}
        return record

    def edit(self, kind, record, **values):
        """Returns the number of the change."""
        form, now = SCHEMA.kind(kind), self.records[record]["values"]
        now.update(values)
        numbers = sorted({form.group(name) for name in values})
        fields = sorted((field for number in numbers for field in form.groups[number][1]),
                        key=lambda name: form.fields[name][0])
        return self._edit(kind, record, numbers, {"values": {name: now.get(name) for name in fields}})

    def delete(self, kind, record):
        self.records[record]["deleted"] = True
        return self._edit(kind, record, [0], {"flags": {"delete"}})

    def _edit(self, kind, record, numbers, more):
        names = SCHEMA.kind(kind).groups
        groups = [{"group": names[number][0], "base": self.seen.get((record, number))} for number in numbers]
        n = self._write({"kind": kind, "id": record, "evidence": self._evidence(), "groups": groups, **more})
        for number in numbers:
            self.seen[record, number] = {"n": n}
        return n

    # --- an exchange ---

    def message(self, budget=0, **more):
        """The next request's message; more: other values of its keys."""
        waiting = {n: self.journal[n] for n in self.unsettled if n not in self.held}
        message = {"schema": self.schema, "cursor": self.cursor, "budget": budget,
                   "changes": [{"n": n, "body": body} for n, body in sorted(waiting.items())],
                   "held": [{"n": n, "digest": protocol.change_digest(self.journal[n])[:8]} for n in sorted(self.held)],
                   "health": {"waiting": len(waiting), "version": "0.0.1"}}
        message["expected"] = self._expected()[1][:8]
        if self.answer is not None:
            message["clock"] = {key: value for key, value in self._evidence().items() if key != "steadiness"}
        return {**message, **more}

    def _expected(self):
        """Last n and running digest that the answer will sign: of every change that was ever numbered here."""
        run = self.run
        for n in range(self.ran + 1, self.last_n + 1):
            run = protocol.run_digest(run, n, self.journal[n])
        return self.last_n, run

    def request(self, **more):
        """The next request, with a counter that was never used."""
        self.counter += 1
        return self.seal(self.counter, self.message(**more))

    def seal(self, counter, message):
        return protocol.seal_request(self.device, counter, protocol.deflate(REQUEST.encode(message)), self.key)

    def send(self, request):
        """Send and open, but apply nothing."""
        began = clock()
        body = self.post("/v1/sync", request)
        self.calls.append((request, body))
        head = protocol.open_answer(body, request, self.centre_key, self._expected())
        return head, ANSWER.decode(protocol.inflate(head["stream"]), head["sequence"]), began

    def sync(self, **more):
        """Exchange until there is no more; returns the answers."""
        answers = []
        while not answers or answers[-1]["more"]:
            need(len(answers) < CALLS_MAX, "there is always more")
            head, answer, began = self.send(self.request(**more))
            self.apply(head, answer, began)
            answers.append(answer)
        return answers

    # --- an answer ---

    def apply(self, head, answer, began):
        self._check_receipt(head)
        self.anew = False
        for outcome in answer["outcomes"]:
            self._settle(outcome)
        for record in answer["records"]:
            self._take(record)
        for patient in answer["let_go"]:
            self.records = {key: kept for key, kept in self.records.items() if patient not in (key, kept["patient"])}
        self.incomplete = (self.incomplete | set(answer["filling"])) - set(answer["complete"]) - set(answer["let_go"])
        if "cursor-refused" in answer["notices"]:
            self.cursor = b""
        self.cursor = b"" if self.anew else answer["cursor"] or self.cursor
        self.answer, self.answered_at = answer, clock()
        self.took = self.answered_at - began

    def _check_receipt(self, head):
        """The receipt says what our journal says, and never less than the one before."""
        need(self.receipt is None or head["last_n"] >= self.receipt["last_n"], "the receipt fell back")
        need(self.receipt is None or head["sequence"] >= self.receipt["sequence"], "the sequence fell back")
        while self.ran < head["last_n"]:
            self.ran += 1
            self.run = protocol.run_digest(self.run, self.ran, self.journal[self.ran])
        need(head["running"] == self.run, "the running digest is not that of our journal")
        self.receipt = head

    def _settle(self, outcome):
        n = outcome["n"]
        need(n in self.journal, f"an outcome for {n}, which we never sent")
        self.outcomes[n] = outcome
        if n not in self.unsettled:
            return
        if outcome["result"] == "held":
            self.held[n] = outcome["reason"]
            return
        self.held.pop(n, None)
        change = self.unsettled.pop(n)
        if outcome["result"] == "returned":
            self.returned[n] = change
        numbers = SCHEMA.kind(change["kind"]).groups
        if outcome["result"] == "judged":
            touched = [SCHEMA.kind(change["kind"]).group(group["group"]) for group in change["groups"]]
            need("create" in change["flags"] or sorted(outcome["verdicts"]) == touched, "a verdict for each group")
        for number in numbers:
            key = (change["id"], number)
            if self.seen.get(key) == {"n": n}:
                self.seen[key] = outcome["sequence"]
            if outcome["result"] == "returned" and key in self.beside and not self._in_flight(*key):
                self._put(change["id"], number, *self.beside.pop(key))

    def _in_flight(self, record, number):
        def touches(change):
            form = SCHEMA.kind(change["kind"])
            return "create" in change["flags"] or number in [form.group(each["group"]) for each in change["groups"]]

        return any(change["id"] == record and touches(change) for change in self.unsettled.values())

    def _put(self, record, number, values, sequence):
        kept = self.records[record]
        if number == 0:
            kept["deleted"] = values
        else:
            kept["values"].update(values)
        self.seen[record, number] = sequence

    def _join(self, record):
        """A long text may have come as what is new in it, against what we had of the centre."""
        form = SCHEMA.kind(record["kind"])
        for name, value in record["values"].items():
            if isinstance(value, dict):
                number = form.group(name)
                beside = self.beside.get((record["id"], number))
                need(beside is not None or not self._in_flight(record["id"], number), "we don't know it any more")
                had = beside[0] if beside is not None else self.records[record["id"]]["values"]
                record["values"][name] = protocol.join_splice(value, had.get(name))

    def _take(self, record):
        """A record of an answer, group by group."""
        form, key = SCHEMA.kind(record["kind"]), record["id"]
        whole = "whole" in record["flags"]
        try:
            self._join(record)
        except Wrong:
            self.cursor, self.anew = b"", True
            return
        kept = self.records.setdefault(key, {"kind": form.name, "patient": record["patient"], "deleted": False,
                                             "values": {}})
        need(not whole or kept["patient"] == record["patient"], "a record never changes its patient")
        for number, (_, fields) in form.groups.items():
            if number == 0:
                values = "deleted" in record["flags"]
            elif whole or fields[0] in record["values"]:
                values = {name: record["values"].get(name) for name in fields}
            else:
                continue
            if self._in_flight(key, number):
                self.beside[key, number] = (values, record["sequence"])
            else:
                self._put(key, number, values, record["sequence"])

    # --- for those who look ---

    def values(self, record):
        """What stands, without nulls."""
        return {name: value for name, value in self.records[record]["values"].items() if value is not None}

    def of(self, kind):
        """Records of a kind that are not deleted, by id."""
        return {key: kept for key, kept in self.records.items() if kept["kind"] == kind and not kept["deleted"]}

    def wrong(self, request):
        """The status with which the centre refuses this; None where it does not."""
        try:
            self.post("/v1/sync", request)
            return None
        except Refused as refusal:
            return refusal.status


__all__ = ["Refused", "SmallTablet", "Wrong", "ask"]
