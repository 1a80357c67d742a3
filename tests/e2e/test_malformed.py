#!/usr/bin/python3
"""tests/vectors/malformed.txt against real programs: what a centre reads is posted to a centre, what a tablet reads is
given to a tablet. Each has its named error, nothing of it is kept, and both go on as if nothing had been."""
import http.client
import json
import re
import ssl
import sys
import zlib

from doorstep_e2e import ROOT, promise, run_all
from doorstep_relay import ENVELOPE
from doorstep_trouble import Front, Ground, set_url

try:
    import nacl.signing
    from protocol import deflate, seal_answer, seal_request
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

MESSAGE = "application/vnd.doorstep.message"
MEMORY_KIB = 64 * 1024
SEQUENCE = 1099511627783  # in the head of each answer
ENROLMENTS = 15  # of one address, before it is put off
GOOD = bytes.fromhex((ROOT / "tests/vectors/request.hex").read_text(encoding="ascii"))
GOOD_ANSWER = bytes.fromhex((ROOT / "tests/vectors/answer.hex").read_text(encoding="ascii"))
CODES = {"ok": 200, "protocol": 400, "invalid": 400, "forged": 401, "limit": 413, "unknown": 426}
CENTRE_SAYS = {
    "protocol": "The centre could not read this tablet's request.",
    "limit": "The request is larger than the centre takes.",
    "forged": "This centre does not know the tablet that asks.",
    "unknown": "The centre does not speak this tablet's version of the wire.",
}
TABLET_SAYS = {
    "protocol": "The centre's answer can't be read: it is cut or damaged.",
    "limit": "The centre's answer is larger than this tablet takes.",
    "forged": "The answer was altered, or is not this centre's answer to what was asked.",
    "unknown": "The centre answers in a form that this version does not know.",
}
HELD = {"protocol": "unreadable", "unknown": "unknown", "invalid": "invalid", "limit": "invalid"}


def lines(*wanted):
    """(what, name, status, recipe) of the lines of these kinds."""
    found = []
    for line in (ROOT / "tests/vectors/malformed.txt").read_text(encoding="ascii").splitlines():
        what, *rest = line.split(" ", 3)
        if what in wanted:
            found.append((what, *rest))
    assert {line[0] for line in found} == set(wanted)
    return found


def plain(recipe):
    """The bytes of a message."""
    out = b""
    for token in recipe.split(" "):
        unit, _, times = token.partition("*")
        out += b"" if token == "empty" else bytes.fromhex(unit) * int(times or 1)
    return out


def bomb(zeros):
    packer, out = zlib.compressobj(9, wbits=-15), b"\1"
    for _ in range(zeros // 65536):
        out += packer.compress(bytes(65536))
    return out + packer.compress(bytes(zeros % 65536)) + packer.flush()


def edited(good, recipe):
    word, _, argument = recipe.partition(":")
    place, _, hexadecimal = argument.rpartition("=")
    if word == "at":
        new, at = bytes.fromhex(hexadecimal), int(place)
        return good[:at] + new + good[at + len(new):]
    if word == "flip":
        at = int(argument) % len(good)
        return good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
    edits = {
        "keep": lambda: good[:int(argument)], "cut": lambda: good[:-int(argument)], "twice": lambda: good + good,
        "add": lambda: good + bytes.fromhex(argument), "grow": lambda: good.ljust(int(argument), b"\0"),
        "tail": lambda: good[:-len(argument) // 2] + bytes.fromhex(argument), "hex": lambda: bytes.fromhex(argument),
        "bomb": lambda: bomb(int(argument)),
    }
    return edits[word]()


def memory_kib(process):
    """The most memory that it ever had."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1])


class Attacker:
    """An enrolled tablet's key in bad hands: what it sends is signed as it should be."""

    def __init__(self, ground):
        self.centre = ground.centre
        tablet = ground.world.tablet(ground.centre, "eve")
        self.key = nacl.signing.SigningKey((tablet.folder / "keys/tablet.seed").read_bytes())
        self.device, self.counter, self.n = int(tablet.json("status")["device"]), 1 << 32, 0
        self.trust = ssl.create_default_context(cafile=ground.centre.folder / "keys/ca.pem")

    def post(self, path, body, kind=ENVELOPE):
        connection = http.client.HTTPSConnection("127.0.0.1", self.centre.port, context=self.trust, timeout=60)
        try:
            connection.request("POST", path, iter([body] if body else []), {"Content-Type": kind,
                               "Transfer-Encoding": "chunked"}, encode_chunked=True)
            response = connection.getresponse()
            return response.status, response.headers["Content-Type"], response.read()
        finally:
            connection.close()

    def frame(self, stream):
        self.counter += 1
        return seal_request(self.device, self.counter, stream, self.key)

    def change(self, body):
        """A request with this change under the next number."""
        self.n += 1
        head = b"\x82\x00\x01\x02\x91\x92\xcd" + self.n.to_bytes(2, "big") + b"\xc6" + len(body).to_bytes(4, "big")
        return self.frame(deflate(head + body))

    def body_of(self, what, recipe):
        if what == "request-frame":
            return edited(self.frame(deflate(GOOD)), recipe)
        if what == "request-stream":
            return self.frame(edited(deflate(GOOD), recipe))
        if what == "request":
            return self.frame(deflate(plain(recipe)))
        return self.change(plain(recipe))


def check_named(where, answer, status):
    """The HTTP status of the line, and an error of three parts that names it."""
    code, kind, body = answer
    assert code == CODES[status], f"{where}: {code} {body[:200]}"
    if code == 200:
        return
    said = json.loads(body)
    assert kind == "application/json" and set(said) == {"what", "safe", "next"} and all(said.values()), f"{where}: {body}"
    assert said["what"] == CENTRE_SAYS[status], f"{where}: {said}"


def check_standing(ground):
    """It was up all the while, never took much memory, and serves whoever sends what it should."""
    assert ground.centre.process.poll() is None, ground.centre.log()
    most = memory_kib(ground.centre.process)
    assert most < MEMORY_KIB, f"{most} KiB"
    ground.mended()


@promise("each malformed request posted to a centre has its named error; the centre stays up, small, and serves")
def _(world):
    ground = Ground(world)
    eve = Attacker(ground)
    for what, name, status, recipe in lines("request", "request-frame", "request-stream"):
        check_named(f"{what} {name}", eve.post("/v1/sync", eve.body_of(what, recipe)), status)
    check_standing(ground)


@promise("each malformed change in a good request is held with its reason, as it came, and stops nothing")
def _(world):
    ground = Ground(world)
    eve, expected = Attacker(ground), {}
    for what, name, status, recipe in lines("change"):
        code, _, body = eve.post("/v1/sync", eve.body_of(what, recipe))
        assert code == 200, f"{name}: {code} {body[:200]}"
        if status != "ok":
            expected[eve.n] = (name, HELD[status])
    held = {int(row["n"]): row for row in ground.centre.json("held") if int(row["device"]) == eve.device}
    wrong = [(name, reason, held.get(n)) for n, (name, reason) in expected.items() if held.get(n, {}).get("reason") != reason]
    assert not wrong, wrong
    assert all(held[n]["what"] and held[n]["next"] for n in expected)
    check_standing(ground)


@promise("a tablet's change of what only the centre writes is held for want of rights, whatever program sends it")
def _(world):
    ground = Ground(world)
    eve = Attacker(ground)
    worker = bytes(15) + b"\x01"
    account = b"\x84\x00\x03\x01\xc4\x10" + worker + b"\x03\x01\x05\x82\x01\xa3Eve\x03\xa5admin"
    assert eve.post("/v1/sync", eve.change(account))[0] == 200
    held = ground.centre.json("held")
    assert [row["reason"] for row in held] == ["rights"], held
    assert ground.centre.read("SELECT count(*) FROM worker WHERE name = 'Eve'") == [(1,)], "eve's own account, and no other"
    check_standing(ground)


@promise("each malformed enrolment has its named error, and a good one then succeeds")
def _(world):
    ground = Ground(world)
    eve = Attacker(ground)
    for number, (_, name, status, recipe) in enumerate(lines("enrol")):
        # A form that must be taken, with a secret that nobody made.
        status = "forged" if status == "ok" else status
        code, _, body = eve.post("/v1/enrol", plain(recipe), MESSAGE)
        assert code == CODES[status], f"{name}: {code} {body}"
        assert set(json.loads(body)) == {"what", "safe", "next"}, f"{name}: {body}"
        if number % ENROLMENTS == ENROLMENTS - 1:
            # Refused enrolments are counted by address until then.
            assert ground.centre.stop() == 0
            ground.centre.start()
    ground.world.tablet(ground.centre, "ben")("sync")
    check_standing(ground)


@promise("each malformed answer given to a tablet is refused by its name, changes nothing, and the next good one is applied")
def _(world):
    ground = Ground(world)
    key = nacl.signing.SigningKey((ground.centre.folder / "keys/sign.seed").read_bytes())

    def sealed(request, good, stream):
        return seal_answer(request, 9, SEQUENCE, bytes(32), good[76:108], stream, key)

    with Front(ground.centre) as front:
        set_url(ground.ana, front.url)
        for what, name, status, recipe in lines("answer", "answer-frame", "answer-stream"):
            if status == "ok":
                continue

            def reply(request, what=what, recipe=recipe):
                good = front.relay.ask(request)
                if what == "answer-frame":
                    body = edited(sealed(request, good, deflate(GOOD_ANSWER)), recipe)
                else:
                    body = sealed(request, good, deflate(plain(recipe)) if what == "answer"
                                  else edited(deflate(GOOD_ANSWER), recipe))
                return 200, {"Content-Type": ENVELOPE}, body

            front.reply = reply
            with ground.unharmed():
                said = ground.ana.failure("sync")
            expected = "The answer was larger than any centre's is." if name == "larger-than-any-is" else TABLET_SAYS[status]
            assert said["what"] == expected and "saved on this tablet" in said["safe"] and said["next"], (what, name, said)
        set_url(ground.ana, ground.centre.url)
    ground.mended()


if __name__ == "__main__":
    run_all()
