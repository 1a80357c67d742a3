#!/usr/bin/python3
"""Reads the golden vectors of the wire with other people's libraries: msgpack, zlib and libsodium by way of Python.

What they must say stands in tests/vectors/content.json, written by hand. tests/store/test_vectors.c holds our own code
against the same bytes, so a change of the wire can't pass unnoticed by changing both ends of it.
"""
import json
import pathlib
import sys
import zlib

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors"
MESSAGES = ["change-create", "change-edit", "change-delete", "request", "answer"]
PROMISES = [f"{name} says what is written about it, in the shortest form" for name in MESSAGES] + [
    "the request's envelope is signed by the tablet and holds the request",
    "the answer's envelope is a receipt for that request and holds the answer",
]

try:
    import msgpack
    import nacl.encoding
    import nacl.exceptions
    import nacl.hash
    import nacl.signing
except ImportError as missing:
    print(f"1..{len(PROMISES)}")
    for number, promise in enumerate(PROMISES, 1):
        print(f"ok {number} - {promise} # SKIP {missing}")
    sys.exit(0)

CONTENT = json.loads((VECTORS / "content.json").read_text(encoding="utf-8"))
DICTIONARY = (VECTORS / "dictionary-1.txt").read_bytes()


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


def digest(domain, *parts):
    return nacl.hash.blake2b(
        domain.encode() + b"\0" + b"".join(parts), digest_size=32, encoder=nacl.encoding.RawEncoder
    )


def number(value, width):
    return value.to_bytes(width, "big")


def signed(seed, signature, what):
    key = nacl.signing.SigningKey(bytes.fromhex(seed)).verify_key
    try:
        key.verify(what, signature)
        return True
    except nacl.exceptions.BadSignatureError:
        return False


def inflate(stream):
    inflater = zlib.decompressobj(zdict=DICTIONARY)
    message = inflater.decompress(stream)
    assert inflater.eof and not inflater.unused_data, "the stream does not end with the envelope"
    assert stream[2:6] == number(zlib.adler32(DICTIONARY), 4), "not the dictionary's version"
    return message


def check_message(name):
    expected = plain(CONTENT[name])
    assert msgpack.unpackb(vector(name), strict_map_key=False) == expected, "other content"
    assert msgpack.packb(expected) == vector(name), "not the shortest form"


def check_request():
    said, whole = CONTENT["envelope-request"], vector("envelope-request")
    front, signature, stream = whole[:16], whole[16:80], whole[80:]
    assert front == b"DSq\1" + number(said["device"], 4) + number(said["counter"], 8), "another head"
    assert signed(said["seed"], signature, digest("request", front, digest("stream", stream))), "signature"
    assert inflate(stream) == vector(said["message"]), "another message"


def check_answer():
    said, whole = CONTENT["envelope-answer"], vector("envelope-answer")
    asked = CONTENT[said["request"]]
    run = bytes(32)
    for n, change in said["changes"].items():
        run = digest("run", run, number(int(n), 8), digest("change", vector(change)))
    state = number(said["last_n"], 8) + number(said["seq"], 8) + run + bytes.fromhex(said["chain"])
    stream = whole[148:]
    assert whole[:4] == b"DSa\1" and whole[68:148] == state, "another head"
    receipt = digest(
        "answer",
        whole[:4],
        number(asked["device"], 4),
        number(asked["counter"], 8),
        digest("envelope", vector(said["request"])),
        state,
        digest("stream", stream),
    )
    assert signed(said["seed"], whole[4:68], receipt), "signature"
    assert inflate(stream) == vector(said["message"]), "another message"


def main():
    checks = [lambda name=name: check_message(name) for name in MESSAGES] + [check_request, check_answer]
    failed = 0
    print(f"1..{len(PROMISES)}")
    for at, (promise, check) in enumerate(zip(PROMISES, checks), 1):
        try:
            check()
            print(f"ok {at} - {promise}")
        except Exception as error:  # every failure is a line of its own, whatever it is
            failed += 1
            print(f"not ok {at} - {promise}\n# {type(error).__name__}: {error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
