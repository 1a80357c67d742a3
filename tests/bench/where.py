"""Where the bytes of a body are: each part is left out, the rest is compressed again, and the difference is what that
part costs. Parts share what they have in common, so the differences do not add up to the whole. proto/README.md says
what the keys are.
"""
import zlib

import msgpack

from workload import ROOT

HEADS = {b"DSq": 80, b"DSa": 108, b"DSA": 148}
REQUEST = {0: "schema version", 1: "cursor", 2: "changes", 3: "held", 4: "clock", 5: "budget", 6: "health",
           7: "expected"}
ANSWER = {0: "received", 1: "sent", 2: "cursor", 4: "outcomes", 5: "records", 6: "let go", 7: "filling", 8: "complete",
          11: "watermark"}


def dictionaries():
    folder = ROOT / "tests" / "vectors"
    return {int(path.stem.split("-")[1]): path.read_bytes() for path in folder.glob("dictionary-*.bin")}


def plain(value):
    return msgpack.packb(value, use_bin_type=True)


def without_values(record_values, leave_out):
    return {field: value for field, value in record_values.items() if not leave_out(value)}


def record_parts(records):
    """(name, the records without it)."""
    def each(change):
        return [change(list(record)) for record in records]

    def put(at, value):
        return lambda record: record[:at] + [value] + record[at + 1:]

    def values(leave_out):
        return lambda record: record[:5] + [without_values(record[5], leave_out)]

    yield "records: ids", each(put(1, None))
    yield "records: patients", each(put(2, None))
    yield "records: sequences", each(put(3, 0))
    yield "records: texts of 100 bytes and more", each(values(lambda v: isinstance(v, str) and len(v) >= 100))
    yield "records: shorter texts", each(values(lambda v: isinstance(v, str) and len(v) < 100))
    yield "records: numbers and times", each(values(lambda v: isinstance(v, int)))
    yield "records: ids in values", each(values(lambda v: isinstance(v, bytes)))
    yield "records: nulls", each(values(lambda v: v is None))


def change_parts(changes):
    def each(alter):
        return [[n, plain(alter(msgpack.unpackb(body, strict_map_key=False))), *brief] for n, body, *brief in changes]

    def drop(key):
        return lambda change: {k: v for k, v in change.items() if k != key}

    def values(leave_out):
        return lambda change: {**change, 5: without_values(change.get(5, {}), leave_out)}

    yield "changes: numbers", [[0, *rest] for _, *rest in changes]
    yield "changes: ids", each(drop(1))
    yield "changes: patients", each(drop(2))
    yield "changes: evidence", each(drop(4))
    yield "changes: groups and bases", each(drop(6))
    yield "changes: texts of 100 bytes and more", each(values(lambda v: isinstance(v, str) and len(v) >= 100))
    yield "changes: shorter texts", each(values(lambda v: isinstance(v, str) and len(v) < 100))
    yield "changes: numbers and times", each(values(lambda v: isinstance(v, int)))
    yield "changes: ids in values", each(values(lambda v: isinstance(v, bytes)))
    yield "changes: nulls", each(values(lambda v: v is None))


def parts(body):
    """[(part, bytes)] of one body, the head first."""
    head = HEADS[body[:3]]
    stream = body[head:]
    text = dictionaries().get(stream[0])
    primed = {"zdict": text} if text else {}
    reader = zlib.decompressobj(wbits=-15, **primed)
    plain_stream = stream[1:] if stream[0] == 0 else reader.decompress(stream[1:]) + reader.flush()
    message = msgpack.unpackb(plain_stream, strict_map_key=False)
    names = REQUEST if body[:3] == b"DSq" else ANSWER

    def packed(value):
        writer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, 0, **primed)
        return len(writer.compress(plain(value)) + writer.flush())

    whole = packed(message)
    found = [("head and signature", head), ("stream", len(stream))]
    for key in message:
        rest = {k: v for k, v in message.items() if k != key}
        found.append((names.get(key, f"key {key}"), whole - packed(rest)))
    inner = record_parts(message.get(5, [])) if names is ANSWER else change_parts(message.get(2, []))
    key = 5 if names is ANSWER else 2
    if key in message:
        found += [(name, whole - packed({**message, key: value})) for name, value in inner]
    return [(name, size) for name, size in found if size > 1]


def print_where(bodies):
    """bodies: {phase: ([up, …], [down, …])}."""
    for phase, ways in bodies.items():
        for way, sent in zip(("up", "down"), ways):
            for body in sent:
                print(f"\n{phase}, {way}: {len(body)} bytes")
                for name, size in parts(body):
                    print(f"  {name:40}{size:8}")
