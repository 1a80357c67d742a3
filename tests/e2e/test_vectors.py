#!/usr/bin/python3
"""The golden vectors of the wire, read and written by protocol.py, which was made from proto/README.md alone.

What they must say stands in tests/vectors/content.json, written by hand. tests/store/test_vectors.c holds our own code
against the same bytes, so a change of the wire can't pass unnoticed by changing both ends of it.
"""
import json
import random
import re
import sys
import zlib

from doorstep_e2e import ROOT, Skip, promise, run_all

try:
    import nacl.signing
    import protocol
    import protocol_forms
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)
try:
    import msgpack
except ImportError:
    msgpack = None

VECTORS = ROOT / "tests/vectors"
CONTENT = json.loads((VECTORS / "content.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "proto/README.md").read_text(encoding="utf-8")
MESSAGES = {"change-create": protocol.CHANGE, "change-edit": protocol.CHANGE, "change-delete": protocol.CHANGE,
            "change-clock": protocol.CHANGE, "change-long": protocol.CHANGE, "request-clock": protocol.REQUEST,
            "request": protocol.REQUEST, "answer": protocol.ANSWER}


def vector(name):
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text(encoding="ascii"))


def plain(value):
    """The content as msgpack has it: integer keys, bytes."""
    if isinstance(value, dict):
        return {int(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str) and value.startswith("hex:"):
        return bytes.fromhex(value[4:])
    if isinstance(value, str) and value.startswith("vector:"):
        return vector(value[7:])
    return value


def key_of(name):
    return nacl.signing.SigningKey(bytes.fromhex(CONTENT[name]["seed"]))


def refuses(read, *data):
    try:
        read(*data)
    except protocol.Wrong:
        return True
    return False


@promise("each message says what is written about it")
def _(_world):
    for name in MESSAGES:
        assert protocol_forms.unpack(vector(name)) == plain(CONTENT[name]), name
    assert protocol_forms.unpack(vector("brief-long")) == plain(CONTENT["brief-long"])


@promise("each message, read into names and written again, is the same bytes")
def _(_world):
    for name, form in MESSAGES.items():
        more = (CONTENT["envelope-answer"]["seq"],) if name == "answer" else ()
        assert form.encode(form.decode(vector(name), *more), *more) == vector(name), name


@promise("a brief is the change without what the centre knows, and the change again with it")
def _(_world):
    body, brief, base = vector("change-long"), vector("brief-long"), CONTENT["brief-long-base"]
    record, known = "01935b6e-0000-7000-8000-000000000001", {1099511627781: "01935b6e-0000-7000-8000-000000000001"}
    texts = {(8, record, 12, 1099511627781): base}
    assert protocol.make_brief(body, {12: base}) == brief
    assert protocol.make_whole(brief, known.__getitem__, lambda *where: texts[where]) == body
    for name in ("change-create", "change-delete"):
        made = protocol.make_brief(vector(name))
        assert name == "change-create" and made is None or protocol.make_whole(made, known.get, None) == vector(name)


@promise("a run is as many accepted changes as it says, and accepted changes one after the other are written as a run")
def _(_world):
    answer = protocol.ANSWER.decode(vector("answer"), 100)
    assert [(each["n"], each["sequence"]) for each in answer["outcomes"][:3]] == [(4, 92), (5, 93), (7, 94)], answer
    said = {"outcomes": [{"n": n, "result": "accepted", "sequence": sequence}
                         for n, sequence in ((3, 70), (4, 71), (5, 72), (6, 74), (8, 75), (9, 76))]}
    wire = protocol_forms.unpack(protocol.ANSWER.encode(said, 70))
    assert wire == {4: [[3, 0, 0, 3], [6, 0, 4], [8, 0, 5, 2]]}, wire
    for wrong in ("810491940100ffcd07d1", "81049194010000c0", "81049194010000" + "00"):
        assert refuses(protocol.ANSWER.decode, bytes.fromhex(wrong), 70), wrong


@promise("an absent key says zero, and no difference; an empty battery is not the same as an unknown one")
def _(_world):
    answer = protocol.ANSWER.decode(bytes.fromhex("8200cd07d00bcd03e8"), 7)
    told = [answer[name] for name in ("received", "sent", "backup_watermark", "more")]
    assert told == [2000, 2000, 1000, False], answer
    assert protocol.ANSWER.encode(answer, 7).hex() == "8200cd07d00bcd03e8"
    for data, battery in (("80", None), ("8106810300", 0), ("8106810364", 100)):
        request = protocol.REQUEST.decode(bytes.fromhex(data))
        assert (request["health"] or {}).get("battery") == battery, request
        assert protocol.REQUEST.encode(request).hex() == data


@promise("the example of the page is the vector, and means what the page says beside it")
def _(_world):
    block = re.search(r"```hex\n(.*?)```", PAGE, re.S)[1]
    assert bytes.fromhex("".join(line.split("|")[0] for line in block.splitlines())) == vector("change-edit")
    change = protocol.CHANGE.decode(vector("change-edit"))
    assert change["kind"] == "task" and change["id"] == "01935b6e-0000-7000-8000-000000000001", change
    assert change["values"] == {"title": "Call the pharmacy again", "status": "done", "outcome": "Refill is ready",
                                "reason": None, "completed_at": 1795000000000 + 64000,
                                "notes": "Zoë called – 東"}, change["values"]
    assert [(each["group"], each["base"]) for each in change["groups"]] == [
        ("title", 1099511627781), ("status", {"n": 7}),
        ("notes", {"n": 4, "origin": 3, "digest": bytes.fromhex("0102030405060708")})], change["groups"]
    assert change["evidence"] == {"heard": 1795000000000, "elapsed": 65000, "slack": 120, "steadiness": "nothing-since"}
    assert change["groups"][2]["evidence"] == {"heard": 1794999000000, "elapsed": -20, "slack": 80,
                                               "steadiness": "unknown"}


@promise("evidence tells what the tablet's clocks said: its wall clock, and the clock since boot where that is known")
def _(_world):
    change = protocol.CHANGE.decode(vector("change-clock"))
    ours, theirs = change["evidence"], change["groups"][1]["evidence"]
    for evidence, said in ((ours, 65000), (theirs, 61000)):
        wall = evidence["heard"] + evidence["slack"] // 2 + evidence["offset"] + evidence["elapsed"]
        assert wall == 1795000000000 + 60 + 420000 + said, evidence
    assert ours["since"] + ours["elapsed"] == 5000000 and ours["boot"] == 3405691582 and "boot" not in theirs, change
    assert protocol.REQUEST.decode(vector("request-clock"))["clock"]["offset"] == 420000
    for wrong in ([0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1], [0, 5, 0, 0, 0, 0, 1, -6]):
        assert refuses(protocol.EVIDENCE.read, wrong, None), wrong


@promise("the request's envelope is signed by the tablet, holds the request, and is written to the byte")
def _(_world):
    said, body, key = CONTENT["envelope-request"], vector("envelope-request"), key_of("envelope-request")
    envelope = protocol.open_request(body, bytes(key.verify_key))
    assert (envelope["device"], envelope["counter"]) == (said["device"], said["counter"])
    assert protocol.inflate(envelope["stream"]) == vector(said["message"])
    assert protocol.seal_request(said["device"], said["counter"], envelope["stream"], key) == body
    for at in range(len(body)):
        assert refuses(protocol.open_request, body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :],
                       bytes(key.verify_key)), at


@promise("the answer's envelope is a receipt for that request, holds the answer, and is written to the byte")
def _(_world):
    for name in ("envelope-answer", "envelope-answer-known"):
        said, body, key = CONTENT[name], vector(name), key_of(name)
        request, public = vector(said["request"]), bytes(key.verify_key)
        run = bytes(32)
        for n, change in said["changes"].items():
            run = protocol.run_digest(run, int(n), vector(change))
        assert protocol.REQUEST.decode(vector("request"))["expected"] == run[:8]
        known = None if said["full"] else (said["last_n"], run)
        envelope = protocol.open_answer(body, request, public, known)
        state = (said["last_n"], said["seq"], run, bytes.fromhex(said["chain"]))
        assert tuple(envelope[name] for name in ("last_n", "sequence", "running", "chain")) == state, envelope
        assert protocol.inflate(envelope["stream"]) == vector(said["message"])
        assert protocol.seal_answer(request, *state, envelope["stream"], key, said["full"]) == body
        for at in range(len(body)):
            altered = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            assert refuses(protocol.open_answer, altered, request, public, known), at
        assert refuses(protocol.open_answer, body, request[:-1], public, known), "an answer to another request"
        other = (said["last_n"] + 1, run)
        assert said["full"] or refuses(protocol.open_answer, body, request, public, other), "another last n"


@promise("the dictionary is the one whose digest the page gives, and streams name its form")
def _(_world):
    form, size, begins = re.search(r"form is (\d+): its ([\d,]+) bytes.*?H\(\"dictionary\", text\)\s+begins\s+with\s+`(\w+)`",
                                   PAGE, re.S).groups()
    text = protocol.DICTIONARIES[int(form)]
    assert protocol.NEWEST == int(form) and len(text) == int(size.replace(",", ""))
    assert protocol_forms.digest("dictionary", text).hex().startswith(begins), protocol_forms.digest("dictionary", text).hex()
    for name, head in (("envelope-request", 81), ("envelope-answer", 149), ("envelope-answer-known", 109)):
        stream = vector(name)[head - 1 :]
        assert stream[0] == int(form), name
        assert refuses(protocol.inflate, stream[:-1]) and refuses(protocol.inflate, stream + b"\0"), name
        assert refuses(protocol.inflate, b"\3" + stream[1:]), "a dictionary that nobody has"
    plain = zlib.compressobj(wbits=-15)
    for stream in (b"\1" + plain.compress(b"\x80") + plain.flush(), b"\0\x80", protocol.deflate(b"\x80")):
        assert protocol.inflate(stream) == b"\x80", "a stream without a dictionary is fine"
    assert protocol.deflate(b"\x80")[:1] == b"\0", "what does not get shorter goes as it is"


def rows(after):
    """The first table of the page after these words: its rows as lists of cells."""
    lines = PAGE[PAGE.index(after) :].splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            return table
        table.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return table


@promise("every key, reason, notice and limit that the page lists has its line in this reading, and no other has")
def _(_world):
    limits = {row[0].removeprefix("LIMIT_").removesuffix("_MAX"): int(row[1]) for row in rows("## 10. Limits")}
    notices = re.search(r"\*\*Notices\*\*:(.*?)\n\n", PAGE, re.S)[1]
    reading = {
        "key of a request": (sorted(protocol.REQUEST.keys), [int(row[0]) for row in rows("## 4. A request")]),
        "key of an answer": (sorted(protocol.ANSWER.keys), [int(row[0]) for row in rows("## 5. An answer")]),
        "key of a change": (sorted(protocol.CHANGE.keys), [int(row[0]) for row in rows("## 6. A change")]),
        "result": (protocol.RESULTS, {int(row[0].split()[0]): row[0].split()[1] for row in rows("**Outcome**")}),
        "reason": (protocol.REASONS, {int(row[0]): row[1] for row in rows("| reason | name")}),
        "notice": (list(protocol.NOTICES), [int(number) for number in re.findall(r"(?:^|;)\s*(\d+) ", notices)]),
        "limit": ({"BODY": protocol.BODY_MAX, "INFLATED": protocol.INFLATED_MAX, "DEPTH": protocol_forms.DEPTH_MAX,
                   "ITEMS": protocol_forms.ITEMS_MAX, "TEXT": protocol_forms.TEXT_MAX},
                  {name: limits[name] for name in ("BODY", "INFLATED", "DEPTH", "ITEMS", "TEXT")}),
    }
    for what, (here, page) in reading.items():
        assert here == page, f"a {what} needs its line in protocol.py: the page has {page}, the reading {here}"


EDGES = [0, 1, 31, 32, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1]


def samples():
    """Values at both sides of every change of form, and random ones of them in each other."""
    yield from (None, True, False, *EDGES, *(-edge for edge in EDGES if edge <= 2**63))
    yield from (-edge - 1 for edge in EDGES if edge < 2**63)
    for count in (0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536):
        yield from ("ä" * (count // 2) + "a" * (count % 2), b"\0" * count)
        if count < 32000:
            yield from (list(range(count)), {key: "" for key in range(count)})
    dice = random.Random(1)

    def anything(depth):
        if depth == 0 or dice.random() < 0.3:
            return dice.choice((None, True, dice.getrandbits(dice.randint(1, 63)), "Zoë", b"\xff"))
        if dice.random() < 0.5:
            return [anything(depth - 1) for _ in range(dice.randint(0, 20))]
        return {key: anything(depth - 1) for key in sorted(dice.sample(range(300), dice.randint(0, 20)))}

    yield from (anything(3) for _ in range(200))


@promise("our small msgpack writes what python3-msgpack writes, and reads it back")
def _(_world):
    if msgpack is None:
        raise Skip("python3-msgpack is not here")
    for value in samples():
        data = msgpack.packb(value)
        assert protocol_forms.pack(value) == data, value
        assert protocol_forms.unpack(data) == value, value


@promise("our small msgpack refuses what the page does")
def _(_world):
    wrong = {
        "a float": "ca00000000", "a long float": "cb0000000000000000", "an ext": "d40100", "0xc1": "c1",
        "a key that is text": "81a16100", "a key below 0": "81ff00", "a key twice": "8200000000",
        "keys that fall": "8201000000", "a boolean as a key": "81c300", "NUL": "a100", "broken UTF-8": "a1ff",
        "a surrogate": "a3eda080", "more after the frame": "0000", "a cut text": "a26a", "a cut integer": "cd01",
        "an array that lies": "ddffffffff", "a map that lies": "dfffffffff00", "a binary that lies": "c6ffffffff00",
        "nothing": "", "too deep": "91" * 17 + "00", "too many items": "dd00020000" + "00" * 131072,
    }
    for what, data in wrong.items():
        assert refuses(protocol_forms.unpack, bytes.fromhex(data)), what
    assert protocol_forms.unpack(bytes.fromhex("91" * 16 + "00")), "the deepest that is allowed"
    assert len(protocol_forms.unpack(bytes.fromhex("dd0001ffff" + "00" * 131071))) == 131071, "the most that is allowed"
    assert protocol_forms.unpack(bytes.fromhex("cf0000000000000001")) == 1, "a reader takes any form"


if __name__ == "__main__":
    run_all()
