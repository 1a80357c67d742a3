"""The wire, read from proto/README.md by somebody who has not seen our code: a decoder and an encoder of all of it.

It exists to find out whether that page is enough and true, so nothing here may be taken from the C sources but the
schema's rows, which the page names as the published table. Bytes become plain values with names, and plain values
become bytes:

    envelope = open_request(body)                       # {device, counter, signature, stream}
    request = REQUEST.decode(inflate(envelope["stream"]))
    body == seal_request(envelope["device"], envelope["counter"], envelope["stream"], key)

Messages are tables (`Table`, `Row`): a new key, reason or notice is one line. Ids are text, times and sequences
absolute numbers, kinds, fields and groups have their names. Whatever the page does not allow raises Wrong.
"""
import json
import pathlib
import re
import struct
import zlib

from protocol_forms import (
    Array, BINARY, Base, Bits, Bytes, FLAG, Form, ID, Integer, Maybe, Measured, NUMBER, PREFIX, Row, SEQUENCE,
    SIGNED, TEXT, TIME, Table, Word, Wrong, digest, need, pack, sign, unpack, verify,
)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DICTIONARIES = {2: (ROOT / "tests/vectors/dictionary-2.bin").read_bytes()}  # by the form of a stream
NEWEST = 2

BODY_MAX = 1048576
INFLATED_MAX = 8388608
OUTCOMES_MAX = 2000


# --- the schema ------------------------------------------------------------------------------------------------------


class Kind:
    """One kind of record: its fields by name and number, its groups by number."""

    def __init__(self, number, name):
        self.number, self.name = number, name
        self.fields = {}   # name: (number, type)
        self.names = {}    # number: name
        self.groups = {0: ("deleted", [])}  # number: (name, names of its fields)
        self._numbers = {"deleted": 0}

    def add(self, number, name, form, group):
        self.fields[name], self.names[number] = (number, form), name
        group_number = self._numbers.setdefault(group or name, number)
        self.groups.setdefault(group_number, (group or name, []))[1].append(name)

    def group(self, name):
        """The number of the group with this name, or of the one that this field is in."""
        if name in self._numbers:
            return self._numbers[name]
        return next(number for number, (_, fields) in self.groups.items() if name in fields)


class Schema:
    """The kinds of records, from the rows of common/schema_doorstep.c, which is the published table of them."""

    ROW = re.compile(r'\{\s*(KIND|F)\(\s*(\d+)\s*,\s*"(\w+)"\s*,\s*(?:([A-Z]+)\b)?')
    STAFF = ("worker",)

    def __init__(self, source=ROOT / "common/schema_doorstep.c"):
        text = re.sub(r"/\*.*?\*/", "", source.read_text(encoding="utf-8"), flags=re.S)
        rows = list(self.ROW.finditer(text))
        self.kinds, self.numbers, kind = {}, {}, None
        for row, following in zip(rows, [*rows[1:], None]):
            what, number, name, form = row.groups()
            if what == "KIND":
                kind = self.kinds[name] = self.numbers[int(number)] = Kind(int(number), name)
                continue
            group = re.search(r'\bIN\("(\w+)"', text[row.end() : following.start() if following else len(text)])
            kind.add(int(number), name, form, group and group[1])

    def kind(self, key):
        """By name or by wire number."""
        found = self.kinds.get(key) or self.numbers.get(key)
        need(found is not None, f"no kind {key}")
        return found


SCHEMA = Schema()


class KindName(Form):
    def read(self, wire, base):
        return SCHEMA.kind(NUMBER.read(wire, base)).name

    def write(self, value, base):
        return SCHEMA.kind(value).number


# --- sections 4 to 7: the tables of the page -------------------------------------------------------------------------

RESULTS = {0: "accepted", 1: "judged", 2: "held", 3: "returned"}
VERDICTS = {0: "accepted", 1: "merged", 2: "superseded"}
REASONS = {1: "not-yours", 2: "waits", 3: "exists", 4: "unknown", 5: "invalid", 6: "number", 7: "rights",
           8: "unreadable", 9: "closed", 10: "withdrawn"}
NOTICES = {1: "numbers-missing", 2: "cursor-refused", 3: "counter-used", 4: "schema-unknown",
           5: "send-whole", 6: "withdrawn"}
STEADINESS = {0: "unknown", 1: "nothing-since", 2: "agreed"}
RECORD_FLAGS = {1: "whole", 2: "deleted"}
CHANGE_FLAGS = {1: "create", 2: "delete", 4: "bring-back"}

AHEAD = Integer(-(2**53), 2**53)
READ = (("heard", NUMBER), ("elapsed", AHEAD), ("slack", NUMBER))
CLOCK = Row(*READ, ("offset", AHEAD), least=3)


class Evidence(Row):
    """After the first four, pairs; what stands in a pair comes as a whole."""

    def __init__(self):
        super().__init__(*READ, ("steadiness", Word(STEADINESS)), ("offset", AHEAD), ("reading", NUMBER),
                         ("boot", Integer(1, 2**32 - 1)), ("since", Integer(-(2**54), 2**54)), least=4)

    def read(self, wire, base):
        need(isinstance(wire, list) and len(wire) % 2 == 0, "evidence comes in pairs")
        evidence = super().read(wire, base)
        need("since" not in evidence or 0 <= evidence["since"] + evidence["elapsed"] <= 2**53, "no time since boot")
        return evidence


EVIDENCE = Evidence()


class Value(Form):
    """A value of a field, as its type wants it. An id is text here, a time the absolute one."""

    FORMS = {"ID": ID, "TIME": TIME, "INT": SIGNED, "BOOL": Integer(0, 1)}

    def __init__(self, form):
        self.name, self.form = form, self.FORMS.get(form)

    def read(self, wire, base):
        if self.form is not None:
            return self.form.read(wire, base)
        need(isinstance(wire, str), f"{wire!r} is no text")
        need(self.name != "DATE" or re.fullmatch(r"\d{4}(-\d\d){0,2}", wire), f"{wire} is no date")
        need(self.name != "SET" or set_text(json.loads(wire)) == wire, f"{wire} is no set")
        return wire

    def write(self, value, base):
        return value if self.form is None else self.form.write(value, base)


def set_text(members):
    """The one text of a set; None where it is empty."""
    escaped = sorted({json.dumps(member, ensure_ascii=False)[1:-1].encode("utf-8") for member in members})
    return '["' + '","'.join(member.decode("utf-8") for member in escaped) + '"]' if escaped else None


class LongText(Form):
    empty = ""

    def read(self, wire, base):
        need(isinstance(wire, str), "this is no text")
        return wire

    write = read


SPLICE = Row(("prefix", NUMBER), ("suffix", NUMBER), ("middle", LongText()), ("check", PREFIX))


def splice_check(text):
    return digest("text", text.encode("utf-8"))[:8]


def join_splice(splice, base):
    """The text that this makes of the one that it was made from; anything else is Wrong."""
    old = (base or "").encode("utf-8")
    need(splice["prefix"] + splice["suffix"] <= len(old), "the text was another")
    new = old[: splice["prefix"]] + splice["middle"].encode("utf-8") + old[len(old) - splice["suffix"] :]
    need(digest("text", new)[:8] == splice["check"], "the text was another")
    return new.decode("utf-8")


def read_values(kind, wire, base):
    need(isinstance(wire, dict), "values are a map")
    need(set(wire) <= set(kind.names), f"{kind.name} has no fields {sorted(set(wire) - set(kind.names))}")
    names = [(number, kind.names[number]) for number in wire]
    return {name: Maybe(Value(kind.fields[name][1])).read(wire[number], base) for number, name in names}


def write_values(kind, values, base):
    return {kind.fields[name][0]: Maybe(Value(kind.fields[name][1])).write(value, base)
            for name, value in values.items()}


def check_groups(kind, names):
    """Fields come by whole groups; returns the numbers of these groups."""
    numbers = {kind.group(name) for name in names}
    need(all(set(kind.groups[number][1]) <= set(names) for number in numbers), "a group comes with all of its fields")
    return numbers


class Start(Form):
    """A base: what the author started from. None, a sequence, {n} or {n, origin, digest}."""

    OWN = Row(("n", NUMBER), ("origin", NUMBER), ("digest", PREFIX), least=1)

    def read(self, wire, base):
        if not isinstance(wire, list):
            return Maybe(NUMBER).read(wire, base)
        need(len(wire) != 2, "the origin comes with a digest")
        return self.OWN.read(wire, base)

    def write(self, value, base):
        return self.OWN.write(value, base) if isinstance(value, dict) else Maybe(NUMBER).write(value, base)


GROUP = Row(("group", NUMBER), ("base", Start()), ("evidence", EVIDENCE), least=2)


class Change(Table):
    """Section 6. The form of values and the names of groups hang on the kind, so they are read after the rest."""

    def __init__(self):
        super().__init__({0: ("kind", KindName()), 1: ("id", ID), 2: ("patient", ID), 3: ("flags", Bits(CHANGE_FLAGS)),
                          4: ("evidence", EVIDENCE), 5: ("values", Form()), 6: ("groups", Array(GROUP))})

    def base(self, wire):
        evidence = wire.get(4)
        heard = evidence["heard"] if isinstance(evidence, dict) else evidence[0] if evidence else 0
        return Base(time=NUMBER.read(heard, None))

    def read(self, wire, base=None):
        need(isinstance(wire, dict) and {0, 1} <= set(wire), "a change has a kind and an id")
        kind = SCHEMA.kind(wire[0])
        change = super().read({key: item for key, item in wire.items() if key != 5})
        change["values"] = read_values(kind, wire.get(5, {}), self.base(wire))
        for group in change["groups"]:
            need(group["group"] in kind.groups, f"{kind.name} has no group {group['group']}")
            group["group"] = kind.groups[group["group"]][0]
        check_change(change)
        return change

    def write(self, value, base=None):
        check_change(value)
        kind = SCHEMA.kind(value["kind"])
        own = self.base({4: value.get("evidence")})
        groups = [{**group, "group": kind.group(group["group"])} for group in value.get("groups", ())]
        return super().write({**value, "values": write_values(kind, value.get("values", {}), own), "groups": groups})


def check_change(change):
    """What section 6 asks of creates and edits."""
    kind, flags, values = SCHEMA.kind(change["kind"]), change.get("flags", ()), change.get("values", {})
    groups = [kind.group(group["group"]) for group in change.get("groups", ())]
    need(not {"delete", "bring-back"} <= set(flags), "a change deletes or brings back")
    if "create" in flags:
        belongs = kind.name != "patient" and kind.name not in Schema.STAFF
        need(bool(change.get("patient")) == belongs, "a patient stands in a create, where the kind has one")
        need("bring-back" not in flags, "a create brings nothing back")
        need(not groups and None not in values.values(), "a create has no groups and brings no null")
        return
    need(not change.get("patient"), "only a create says whose it is")
    need(groups and groups == sorted(set(groups)), "an edit has groups, and they ascend")
    need((0 in groups) == bool({"delete", "bring-back"} & set(flags)), "group 0 goes with flags 2 and 4")
    need(check_groups(kind, values) == set(groups) - {0}, "an edit brings the fields of its groups and no other")


CHANGE = Change()


class Body(Form):
    """The bytes of a change within a request, or of its brief: they stay bytes, because their digest is what counts."""

    def read(self, wire, base):
        change = unpack(BINARY.read(wire, base))
        need(isinstance(change, dict), "a change is a map")
        if 1 in change:
            CHANGE.read(change)
        return wire


SPLICE_LEAST = 64


def _ends(base, text):
    """How many bytes of both ends of two texts are the same, in whole characters."""
    prefix = next((at for at, (one, other) in enumerate(zip(base, text)) if one != other), min(len(base), len(text)))
    base, text = base[prefix:][::-1], text[prefix:][::-1]
    suffix = next((at for at, (one, other) in enumerate(zip(base, text)) if one != other), min(len(base), len(text)))
    return prefix, suffix


def make_brief(body, bases=None):
    """The brief of a body, or None. bases: the texts that its author started from, by field number."""
    change = unpack(body)
    groups = change.get(6)
    if not groups or not isinstance(groups[0][1], int):
        return None
    for number, text in (bases or {}).items():
        new = change[5].get(number)
        prefix, suffix = _ends(text, new) if isinstance(new, str) else (0, 0)
        sizes = [len(part.encode("utf-8")) for part in (new[:prefix], new[len(new) - suffix :])] if new else [0, 0]
        if sum(sizes) >= SPLICE_LEAST:
            change[5][number] = [*sizes, new[prefix : len(new) - suffix]]
    first = groups[0][1]
    change[6] = groups[:1] + [group[0] if len(group) == 2 and group[1] == first else group for group in groups[1:]]
    del change[1]
    brief = pack(change)
    return brief if len(brief) < len(body) else None


def make_whole(brief, record_of, text_of):
    """The body of a brief. record_of(sequence): an id; text_of(kind, id, field number, sequence): a text."""
    change = unpack(brief)
    groups = change.get(6)
    need(1 not in change and groups and isinstance(groups[0], list), "this is no brief")
    first = NUMBER.read(groups[0][1], None)
    record = record_of(first)
    for number, value in change.get(5, {}).items():
        if isinstance(value, list):
            prefix, suffix, middle = value
            text = text_of(change[0], record, number, first).encode("utf-8")
            need(prefix + suffix <= len(text), "the text was another")
            change[5][number] = (text[:prefix] + middle.encode("utf-8") + text[len(text) - suffix :]).decode("utf-8")
    change[6] = [group if isinstance(group, list) else [group, first] for group in groups]
    return pack({**change, 1: ID.write(record, None)})


HEALTH = Table({0: ("waiting", NUMBER), 1: ("oldest", NUMBER), 2: ("free_mb", NUMBER), 3: ("battery", Measured(0, 100)),
                4: ("version", TEXT)})


class Request(Table):
    def check(self, value):
        numbers = [change["n"] for change in value["changes"]]
        need(all(0 < low < high for low, high in zip(numbers, numbers[1:])) and 0 not in numbers, "n ascends from 1 up")


REQUEST = Request({
    0: ("schema", NUMBER),
    1: ("cursor", BINARY),
    2: ("changes", Array(Row(("n", NUMBER), ("body", Body()), ("brief", Integer(1, 1)), least=2))),
    3: ("held", Array(Row(("n", NUMBER), ("digest", PREFIX)))),
    4: ("clock", CLOCK),
    5: ("budget", NUMBER),
    6: ("health", HEALTH),
    7: ("expected", PREFIX),
})


class Outcome(Form):
    """[n, result, sequence, detail…] but of a run; the groups of a judged change keep their numbers: its kind is not here."""

    HEAD = (("n", NUMBER), ("result", Word(RESULTS)), ("sequence", SEQUENCE))
    PLAIN, HELD = Row(*HEAD), Row(*HEAD, ("reason", Word(REASONS)))

    def read(self, wire, base):
        need(isinstance(wire, list) and len(wire) >= 3, "an outcome has three places or more")
        if wire[1] != 1:
            return (self.HELD if wire[1] == 2 else self.PLAIN).read(wire, base)
        outcome = self.PLAIN.read(wire[:3], base)
        numbers = Array(NUMBER).read(wire[3::2], base)
        need(len(wire) % 2 == 1 and numbers and numbers == sorted(set(numbers)), "groups and verdicts, ascending")
        return {**outcome, "verdicts": dict(zip(numbers, Array(Word(VERDICTS)).read(wire[4::2], base)))}

    def write(self, value, base):
        if "verdicts" not in value:
            return (self.HELD if value["result"] == "held" else self.PLAIN).write(value, base)
        verdicts = [item for number, verdict in sorted(value["verdicts"].items())
                    for item in (number, Word(VERDICTS).write(verdict, base))]
        return self.PLAIN.write(value, base) + verdicts


class Outcomes(Form):
    """A run of accepted changes is one array on the wire, and here each of them."""

    empty, EACH, RUN = (), Outcome(), Row(*Outcome.HEAD, ("count", Integer(1)))

    def read(self, wire, base):
        outcomes = []
        for item in Array(Form()).read(wire, base):
            need(isinstance(item, list), "an outcome is an array")
            count = 1
            if len(item) == 4 and item[1] == 0:
                count = self.RUN.read(item, base)["count"]
                item = item[:3]
            need(len(outcomes) + count <= OUTCOMES_MAX, "too many outcomes")
            first = self.EACH.read(item, base)
            outcomes += [{**first, "n": first["n"] + i, "sequence": first["sequence"] + i} for i in range(count)]
        return outcomes

    def write(self, value, base):
        wire = []
        for outcome in value:
            item = self.EACH.write(outcome, base)
            last = wire[-1] if wire else None
            count = last[3] if last and len(last) == 4 else 1
            if last and last[1] == item[1] == 0 and [last[0] + count, last[2] + count] == [item[0], item[2]]:
                wire[-1] = [*last[:3], count + 1]
            else:
                wire.append(item)
        return wire


class Record(Form):
    HEAD = Row(("kind", KindName()), ("id", ID), ("patient", Maybe(ID)), ("sequence", SEQUENCE),
               ("flags", Bits(RECORD_FLAGS)), ("values", Form()))

    def read(self, wire, base):
        record = self.HEAD.read(wire, base)
        kind = SCHEMA.kind(record["kind"])
        need(isinstance(record["values"], dict), "values are a map")
        spliced = {number: value for number, value in record["values"].items() if isinstance(value, list)}
        rest = {number: value for number, value in record["values"].items() if number not in spliced}
        record["values"] = read_values(kind, rest, base)
        for number, value in spliced.items():
            need("whole" not in record["flags"] and number in kind.names, "a splice is of a field, in a part of a record")
            need(kind.fields[kind.names[number]][1] == "TEXT", "a splice is of a text")
            record["values"][kind.names[number]] = SPLICE.read(value, base)
        belongs = kind.name not in ("patient", *Schema.STAFF)
        need((record["patient"] is not None) == (belongs and "whole" in record["flags"]), "a whole record says whose it is")
        if "whole" in record["flags"]:
            need(None not in record["values"].values(), "a whole record leaves nulls out")
        else:
            check_groups(kind, record["values"])
        return record

    def write(self, value, base):
        kind, said = SCHEMA.kind(value["kind"]), value["values"]
        spliced = {name: item for name, item in said.items() if isinstance(item, dict)}
        values = write_values(kind, {name: item for name, item in said.items() if name not in spliced}, base)
        values.update({kind.fields[name][0]: SPLICE.write(item, base) for name, item in spliced.items()})
        return self.HEAD.write({**value, "values": values}, base)


class Answer(Table):
    """Its sequences are differences to that of the envelope's head, which is given to decode and encode."""

    def base(self, wire):
        return Base(NUMBER.read(wire.get(0, 0), None), self.sequence)

    def decode(self, data, sequence=0):
        self.sequence = sequence
        return super().decode(data)

    def encode(self, value, sequence=0):
        self.sequence = sequence
        return super().encode(value)


ANSWER = Answer({
    0: ("received", NUMBER),
    1: ("sent", TIME),
    2: ("cursor", BINARY),
    3: ("more", FLAG),
    4: ("outcomes", Outcomes()),
    5: ("records", Array(Record())),
    6: ("let_go", Array(ID)),
    7: ("filling", Array(ID)),
    8: ("complete", Array(ID)),
    9: ("notices", Array(Word(NOTICES, strict=False))),
    10: ("send_from", NUMBER),
    11: ("backup_watermark", NUMBER),
    12: ("withdrawn", Array(NUMBER)),
}, skips=True)


# --- section 3: envelopes --------------------------------------------------------------------------------------------

REQUEST_MAGIC, ANSWER_MAGIC, FULL_MAGIC = map(bytes.fromhex, ("44537101", "44536101", "44534101"))


def deflate(message, level=9):
    """The stream: deflated with the newest dictionary, or as it is where that is shorter."""
    packer = zlib.compressobj(level, wbits=-15, memLevel=9, zdict=DICTIONARIES[NEWEST])
    packed = packer.compress(message) + packer.flush()
    return bytes([NEWEST]) + packed if len(packed) <= len(message) else b"\0" + message


def inflate(stream):
    need(stream and (stream[0] < 2 or stream[0] in DICTIONARIES), "the stream has a form that we don't know")
    if stream[0] == 0:
        need(len(stream) - 1 <= INFLATED_MAX, "the message is too large")
        return stream[1:]
    text = DICTIONARIES.get(stream[0])
    unpacker = zlib.decompressobj(wbits=-15, **({"zdict": text} if text else {}))
    try:
        message = unpacker.decompress(stream[1:], INFLATED_MAX + 1)
    except zlib.error as error:
        raise Wrong(f"the stream can't be read: {error}") from error
    need(len(message) <= INFLATED_MAX, "the message is too large")
    need(unpacker.eof and not unpacker.unused_data, "the stream ends where the body ends")
    return message


def seal_request(device, counter, stream, key):
    head = REQUEST_MAGIC + struct.pack(">IQ", device, counter)
    return head + sign(key, "request", head, digest("stream", stream)) + stream


def open_request(body, public=None):
    """public: 32 bytes of the tablet's key; None leaves the signature unchecked, as for somebody who only looks."""
    need(80 <= len(body) <= BODY_MAX and body[:4] == REQUEST_MAGIC, "this is no request")
    device, counter = struct.unpack(">IQ", body[4:16])
    if public is not None:
        verify(public, body[16:80], "request", body[:16], digest("stream", body[80:]))
    return {"device": device, "counter": counter, "signature": body[16:80], "stream": body[80:]}


def _answer_parts(request, last_n, sequence, running, chain, stream):
    """What an answer's signature covers."""
    return (ANSWER_MAGIC, request[4:16], digest("envelope", request), struct.pack(">QQ", last_n, sequence), running,
            chain, digest("stream", stream))


def seal_answer(request, last_n, sequence, running, chain, stream, key, full=True):
    signature = sign(key, "answer", *_answer_parts(request, last_n, sequence, running, chain, stream))
    more = struct.pack(">Q", last_n) + running if full else b""
    return (FULL_MAGIC if full else ANSWER_MAGIC) + signature + struct.pack(">Q", sequence) + chain + more + stream


def open_answer(body, request, public, expected=None):
    """The answer to these bytes of a request, by the centre with this key; anything else is Wrong.

    expected: last n and running digest, as the tablet expects them where they did not travel."""
    full = body[:4] == FULL_MAGIC
    need((148 if full else 108) <= len(body) <= BODY_MAX, "this is no answer")
    need(full or body[:4] == ANSWER_MAGIC and expected is not None, "this is no answer that can be read")
    sequence, chain, stream = *struct.unpack(">Q", body[68:76]), body[76:108], body[148 if full else 108 :]
    last_n, running = (*struct.unpack(">Q", body[108:116]), body[116:148]) if full else expected
    verify(public, body[4:68], "answer", *_answer_parts(request, last_n, sequence, running, chain, stream))
    return {"signature": body[4:68], "last_n": last_n, "sequence": sequence, "running": running, "chain": chain,
            "stream": stream, "full": full}


# --- section 8: digests ----------------------------------------------------------------------------------------------


def change_digest(body):
    return digest("change", body)


def run_digest(previous, n, body):
    """The running digest of section 8, one change further."""
    return digest("run", previous, struct.pack(">Q", n), change_digest(body))


def identity(ca, key):
    return digest("identity", ca, key)


# --- section 9: enrolment --------------------------------------------------------------------------------------------

CARD = Table({0: ("ca", BINARY), 1: ("key", Bytes(32)), 2: ("agency", TEXT)}, skips=True)
ENROL = Table({0: ("secret", Bytes(10)), 1: ("key", Bytes(32)), 2: ("name", TEXT), 3: ("version", TEXT)})
ENROLLED = Table({0: ("device", NUMBER), 1: ("worker", ID), 2: ("name", TEXT), 3: ("login", TEXT), 4: ("agency", TEXT),
                  5: ("zone", TEXT), 6: ("time", NUMBER), 7: ("offset", SIGNED), 8: ("schema", NUMBER)}, skips=True,
                 always=True)
BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def read_code(code):
    """(secret, first 10 bytes of the centre's identity)."""
    letters = re.sub(r"[\s-]", "", code).upper().translate(str.maketrans("ILO", "110"))
    need(len(letters) == 32 and set(letters) <= set(BASE32), "a code has 32 letters of base32")
    number = 0
    for letter in letters:
        number = number << 5 | BASE32.index(letter)
    data = number.to_bytes(20, "big")
    return data[:10], data[10:]


def write_code(data):
    number = int.from_bytes(data, "big")
    letters = "".join(BASE32[number >> shift & 31] for shift in range(155, -1, -5))
    return "-".join(letters[at : at + 4] for at in range(0, 32, 4))
