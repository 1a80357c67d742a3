"""What the messages of protocol.py are made of: digests, msgpack, and the forms of values. From proto/README.md alone.

A form reads a value from the wire and writes it there (`Integer`, `Text`, `Id`, …); rows and tables put forms together,
so that a message is a table with a line for each key. Whatever the page does not allow raises Wrong.
"""
import hashlib
import struct
import uuid

import nacl.exceptions
import nacl.signing

DEPTH_MAX = 16
ITEMS_MAX = 131072
TEXT_MAX = 256
NUMBER_MAX = 2**63 - 1


class Wrong(ValueError):
    """These bytes, or these values, are not what the page allows."""


def need(condition, what):
    if not condition:
        raise Wrong(what)


# --- section 1: digests, signatures, msgpack -------------------------------------------------------------------------


def digest(domain, *parts):
    return hashlib.blake2b(b"\0".join((domain.encode("ascii"), b"".join(parts))), digest_size=32).digest()


def sign(key, domain, *parts):
    return key.sign(digest(domain, *parts)).signature


def verify(public, signature, domain, *parts):
    """public: 32 bytes."""
    try:
        nacl.signing.VerifyKey(public).verify(digest(domain, *parts), signature)
    except nacl.exceptions.BadSignatureError as error:
        raise Wrong(f"the signature of this {domain} does not verify") from error


def _head(low, small, small_max, sizes, count):
    """The head of a text, binary, array or map in its shortest form. sizes: (code, bytes), shortest first."""
    if small is not None and count <= small_max:
        return bytes([small | count])
    for code, width in sizes:
        if count < 1 << 8 * width:
            return bytes([code]) + count.to_bytes(width, "big")
    raise Wrong(f"{low} is too long")


def _pack_integer(value):
    if 0 <= value < 128 or -32 <= value < 0:
        return struct.pack(">b" if value < 0 else ">B", value)
    need(-(2**63) <= value < 2**64, "an integer has 64 bits")
    codes = "cc:B cd:H ce:I cf:Q" if value > 0 else "d0:b d1:h d2:i d3:q"
    for code, form in (pair.split(":") for pair in codes.split()):
        try:
            return bytes.fromhex(code) + struct.pack(">" + form, value)
        except struct.error:
            continue
    raise Wrong("an integer has 64 bits")


def pack(value):
    """msgpack in the one form that a writer uses."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _pack_integer(value)
    if isinstance(value, str):
        text = value.encode("utf-8")
        need(b"\0" not in text, "text has no NUL")
        return _head("text", 0xA0, 31, ((0xD9, 1), (0xDA, 2), (0xDB, 4)), len(text)) + text
    if isinstance(value, bytes):
        return _head("binary", None, 0, ((0xC4, 1), (0xC5, 2), (0xC6, 4)), len(value)) + value
    if isinstance(value, list):
        return _head("an array", 0x90, 15, ((0xDC, 2), (0xDD, 4)), len(value)) + b"".join(map(pack, value))
    if isinstance(value, dict):
        items = b"".join(pack(key) + pack(value[key]) for key in sorted(value))
        return _head("a map", 0x80, 15, ((0xDE, 2), (0xDF, 4)), len(value)) + items
    raise Wrong(f"a {type(value).__name__} does not travel")


class _Reader:
    """One frame of msgpack."""

    INTEGERS = {0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q", 0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}
    SIZED = {0xD9: ("text", 1), 0xDA: ("text", 2), 0xDB: ("text", 4), 0xC4: ("binary", 1), 0xC5: ("binary", 2),
             0xC6: ("binary", 4), 0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2), 0xDF: ("map", 4)}
    SMALL = ((0x80, 0x8F, "map"), (0x90, 0x9F, "array"), (0xA0, 0xBF, "text"))
    WORDS = {0xC0: None, 0xC2: False, 0xC3: True}

    def __init__(self, data):
        self.data, self.at, self.items = data, 0, 0

    def take(self, count):
        need(count <= len(self.data) - self.at, "the frame ends too early")
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def value(self, depth=0):
        self.items += 1
        need(self.items <= ITEMS_MAX, "too many items")
        first = self.take(1)[0]
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 256
        if first in self.WORDS:
            return self.WORDS[first]
        if first in self.INTEGERS:
            form = ">" + self.INTEGERS[first]
            return struct.unpack(form, self.take(struct.calcsize(form)))[0]
        for low, high, what in self.SMALL:
            if low <= first <= high:
                return self.sized(what, first - low, depth)
        need(first in self.SIZED, f"0x{first:02x} is not allowed")
        what, width = self.SIZED[first]
        return self.sized(what, int.from_bytes(self.take(width), "big"), depth)

    def sized(self, what, count, depth):
        need(count * (2 if what == "map" else 1) <= len(self.data) - self.at, "a count is more than what is left")
        if what == "binary":
            return self.take(count)
        if what == "text":
            return self.text(self.take(count))
        need(depth < DEPTH_MAX, "too deep")
        if what == "array":
            return [self.value(depth + 1) for _ in range(count)]
        result, last = {}, -1
        for _ in range(count):
            key = self.value(depth + 1)
            need(isinstance(key, int) and not isinstance(key, bool) and key > last, "keys are integers and ascend")
            last, result[key] = key, self.value(depth + 1)
        return result

    @staticmethod
    def text(data):
        need(b"\0" not in data, "text has no NUL")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Wrong("text is well-formed UTF-8") from error


def unpack(data):
    reader = _Reader(bytes(data))
    value = reader.value()
    need(reader.at == len(reader.data), "something follows the frame")
    return value


# --- forms: how one value stands on the wire -------------------------------------------------------------------------


class Base:
    """What differences in a message are differences to."""

    def __init__(self, time=0, sequence=0):
        self.time, self.sequence = time, sequence


class Form:
    """A value on the wire and as it is here. empty: the value that is not written."""

    empty, zero_counts = None, False

    def read(self, wire, base):
        return wire

    def write(self, value, base):
        return value

    def absent(self, base):
        """What an absent key says."""
        return self.empty


class Integer(Form):
    empty = 0

    def __init__(self, low=0, high=NUMBER_MAX, relative=None):
        self.low, self.high, self.relative = low, high, relative

    def _check(self, wire):
        need(isinstance(wire, int) and not isinstance(wire, bool), f"{wire!r} is no integer")
        low, high = (-(2**63), NUMBER_MAX) if self.relative else (self.low, self.high)
        need(low <= wire <= high, f"{wire} is out of range")
        return wire

    def read(self, wire, base):
        return self._check(wire) + (getattr(base, self.relative) if self.relative else 0)

    def write(self, value, base):
        return self._check(value - (getattr(base, self.relative) if self.relative else 0))

    def absent(self, base):
        return self.read(0, base)


class Flag(Form):
    empty = False

    def read(self, wire, base):
        need(isinstance(wire, bool), f"{wire!r} is no boolean")
        return wire

    write = read


class Text(Form):
    empty = ""

    def read(self, wire, base):
        need(isinstance(wire, str) and len(wire.encode("utf-8")) <= TEXT_MAX, "this is no short text")
        return wire

    write = read


class Bytes(Form):
    empty = b""

    def __init__(self, size=None):
        self.size = size

    def read(self, wire, base):
        need(isinstance(wire, bytes) and self.size in (None, len(wire)), "this is no binary of the right length")
        return wire

    def write(self, value, base):
        return value and self.read(value, base)


class Id(Form):
    def read(self, wire, base):
        need(isinstance(wire, bytes) and len(wire) == 16, "an id has 16 bytes")
        return str(uuid.UUID(bytes=wire))

    def write(self, value, base):
        return uuid.UUID(value).bytes


class Maybe(Form):
    """nil, or this."""

    def __init__(self, form):
        self.form = form

    def read(self, wire, base):
        return None if wire is None else self.form.read(wire, base)

    def write(self, value, base):
        return None if value is None else self.form.write(value, base)


class Measured(Integer):
    """A number whose 0 says something, so that it is written, and whose absence says something else."""

    empty, zero_counts = None, True

    def absent(self, base):
        return None


class Word(Form):
    """A number that has a name. strict: one without a name is wrong; else it stays a number."""

    def __init__(self, words, strict=True):
        self.words, self.strict = words, strict
        self.codes = {word: code for code, word in words.items()}

    def read(self, wire, base):
        NUMBER.read(wire, base)
        need(not self.strict or wire in self.words, f"{wire} has no name")
        return self.words.get(wire, wire)

    def write(self, value, base):
        return self.codes.get(value, value)


class Bits(Form):
    """Flags: a number on the wire, a set of words here."""

    def __init__(self, words):
        self.words = words

    empty = frozenset()

    def read(self, wire, base):
        NUMBER.read(wire, base)
        need(wire & ~sum(self.words) == 0, f"flags {wire} have a bit without a name")
        return frozenset(word for bit, word in self.words.items() if wire & bit)

    def write(self, value, base):
        return sum(bit for bit, word in self.words.items() if word in value)


class Array(Form):
    empty = ()

    def __init__(self, form):
        self.form = form

    def read(self, wire, base):
        need(isinstance(wire, list), "this is no array")
        return [self.form.read(item, base) for item in wire]

    def write(self, value, base):
        return [self.form.write(item, base) for item in value]


class Row(Form):
    """An array whose places have names. least: how many must be there; the rest may be left off."""

    def __init__(self, *columns, least=None):
        self.columns, self.least = columns, len(columns) if least is None else least

    def read(self, wire, base):
        need(isinstance(wire, list) and self.least <= len(wire) <= len(self.columns), f"{wire!r} is no such row")
        return {name: form.read(item, base) for (name, form), item in zip(self.columns, wire)}

    def write(self, value, base):
        need(all(name in value for name, _ in self.columns[: self.least]), f"{value} lacks a column")
        return [form.write(value[name], base) for name, form in self.columns if name in value]


class Table(Form):
    """A map whose keys have names. skips: an unknown key is passed over; always: nothing is left out when empty."""

    def __init__(self, keys, skips=False, always=False):
        self.keys, self.skips, self.always = keys, skips, always

    def base(self, wire):
        """What differences in here are differences to, or None: what holds outside."""

    def check(self, value):
        """Raises Wrong where the values together are not allowed."""

    def read(self, wire, base=None):
        need(isinstance(wire, dict), "this is no map")
        need(self.skips or set(wire) <= set(self.keys), f"unknown keys {sorted(set(wire) - set(self.keys))}")
        need(not self.always or set(wire) >= set(self.keys), f"missing keys {sorted(set(self.keys) - set(wire))}")
        own = self.base(wire) or base or Base()
        value = {name: form.read(wire[key], own) if key in wire else form.absent(own)
                 for key, (name, form) in self.keys.items()}
        self.check(value)
        return value

    def write(self, value, base=None):
        need(set(value) <= {name for name, _ in self.keys.values()}, f"{sorted(value)} have unknown names")
        self.check({name: value.get(name, form.empty) for name, form in self.keys.values()})
        own = self.base({key: value.get(name, form.empty) for key, (name, form) in self.keys.items()}) or base or Base()
        wire = {}
        for key, (name, form) in self.keys.items():
            item = form.write(value[name], own) if value.get(name) is not None else None
            if self.always or form.zero_counts and item is not None or item not in (None, 0, "", b"", [], {}):
                wire[key] = item
        return wire

    def decode(self, data):
        return self.read(unpack(data))

    def encode(self, value):
        return pack(self.write(value))


NUMBER, SIGNED, FLAG, TEXT, ID = Integer(), Integer(-(2**63)), Flag(), Text(), Id()
BINARY, PREFIX = Bytes(), Bytes(8)
TIME, SEQUENCE = Integer(relative="time"), Integer(relative="sequence")
