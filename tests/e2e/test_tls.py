#!/usr/bin/python3
"""Whom a tablet talks to: its own centre, proven before a change gets a number; anybody else is refused in plain words."""
import shutil
import socket
import threading

from doorstep_e2e import World, helper, promise, run_all

PATIENT = "00000000-0000-4000-8000-0000000000aa"
SAFE = "saved on this tablet"


def write_patient(tablet, name="Zoë"):
    """A change by plain SQL, so that there is something to send."""
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', '{name}')")


def state(tablet):
    """What a refused contact must leave as it was: nothing numbered, no counter used, the edit still waiting."""
    return tablet.sql(
        "SELECT (SELECT count(*) FROM ds_journal), (SELECT coalesce(max(value), 0) FROM ds_meta WHERE key = 'counter'),"
        " (SELECT count(*) FROM ds_dirty)"
    )[0]


def set_url(tablet, url):
    tablet.sql(f"UPDATE ds_meta SET value = CAST('{url}' AS BLOB) WHERE key = 'url'")


def make_keys(world, name, days, *hosts):
    folder = world.folder / name
    world.run([helper("make_keys"), folder, days, *hosts])
    return folder


def refused(tablet, words):
    """A sync that must be refused, with these words, before anything is numbered."""
    before = state(tablet)
    failure = tablet.failure("sync")
    assert words in failure["what"], failure
    assert SAFE in failure["safe"], failure
    assert failure["next"], failure
    assert state(tablet) == before, (state(tablet), before)
    assert tablet.sql("SELECT value FROM ds_meta WHERE key = 'last_failure'")[0][0] == failure["what"]
    return failure


def enrolled(world: World, **options):
    centre = world.centre()
    tablet = world.tablet(centre, "ana", **options)
    tablet("sync")
    write_patient(tablet)
    assert state(tablet)[2] != "0"
    return centre, tablet


@promise("a tablet enrols, sends and receives, and says how many bytes that took")
def _(world):
    centre, tablet = enrolled(world)
    proxy = world.proxy(centre.port)
    set_url(tablet, proxy.url)
    report = tablet.json("sync")
    assert (report["sent"], report["accepted"], report["pending"]) == ("1", "1", "0"), report
    assert centre.json("patients")[0]["id"] == PATIENT
    # What the kernel counted is what the proxy passed, but for the tablet's last words.
    assert int(report["wire_down"]) <= proxy.bytes_down, (report, proxy.bytes_down)
    assert 0 <= proxy.bytes_up - int(report["wire_up"]) <= 64, (report, proxy.bytes_up)
    assert int(report["wire_up"]) > int(report["bytes_up"]) and int(report["wire_down"]) > int(report["bytes_down"])


@promise("another centre at the same address is refused, nothing is numbered, and the right one then gets everything")
def _(world):
    centre, tablet = enrolled(world)
    centre.stop()
    other = world.centre(name="Other agency", start=False, folder="other")
    other.port = centre.port
    other.start()
    refused(tablet, "not the centre this tablet knows")
    other.stop()
    centre.start()
    assert tablet.json("sync")["accepted"] == "1"


@promise("a centre that answers by a name that its certificate does not have is refused")
def _(world):
    centre, tablet = enrolled(world)
    proxy = world.proxy(centre.port, host="127.0.0.2")
    set_url(tablet, f"https://127.0.0.2:{proxy.port}")
    refused(tablet, "not made for the name 127.0.0.2")


def with_keys_of(world, days):
    """A centre whose certificate was made so many days ago, taken as given: nobody renews it."""
    centre, tablet = enrolled(world)
    centre.stop()
    keys = make_keys(world, "aged", days, "127.0.0.1")
    for name in ("centre.pem", "centre.key", "ca.pem"):
        shutil.copy(keys / name, centre.folder / "keys" / name)
    (centre.folder / "keys" / "given").touch()
    shutil.copy(keys / "ca.pem", tablet.folder / "keys" / "ca.pem")
    centre.start()
    return tablet


@promise("a certificate that is over is refused, and the tablet's clock is named")
def _(world):
    failure = refused(with_keys_of(world, 398), "no longer valid")
    assert "clock (20" in failure["what"] and "date and time" in failure["next"], failure


@promise("a certificate that is not valid yet is refused, and the tablet's clock is named")
def _(world):
    failure = refused(with_keys_of(world, -2), "not valid yet")
    assert "clock (20" in failure["what"] and "date and time" in failure["next"], failure


@promise("our own centre's certificate is renewed at its start, and tablets go on without a word")
def _(world):
    centre, tablet = enrolled(world)
    centre.stop()
    keys = make_keys(world, "aged", 340, "127.0.0.1")
    for name in ("centre.pem", "centre.key", "ca.pem", "ca.key"):
        shutil.copy(keys / name, centre.folder / "keys" / name)
    shutil.copy(keys / "ca.pem", tablet.folder / "keys" / "ca.pem")
    old = (keys / "centre.pem").read_bytes()
    centre.start()
    assert (centre.folder / "keys" / "centre.pem").read_bytes() != old
    assert tablet.json("sync")["accepted"] == "1"


@promise("where nobody listens nothing is numbered, and it is said that the connection was refused")
def _(world):
    centre, tablet = enrolled(world)
    centre.stop()
    refused(tablet, "connection was refused")


@promise("a name that can't be found is said to be one")
def _(world):
    _, tablet = enrolled(world)
    set_url(tablet, "https://centre.invalid:8443")
    refused(tablet, "centre.invalid could not be found")


@promise("a connection that is cut at any point of its handshake numbers nothing")
def _(world):
    centre, tablet = enrolled(world)
    proxy = world.proxy(centre.port)
    set_url(tablet, proxy.url)
    for cut in (0, 1, 100, 500, 1000):
        proxy.cut_down = cut
        before = state(tablet)
        tablet.failure("sync")
        assert state(tablet) == before, cut
    proxy.reset()
    assert tablet.json("sync")["accepted"] == "1"


def answer_plainly(listener, body):
    """A machine that speaks plain HTTP to whoever comes, as sign-in pages of networks do."""
    while True:
        try:
            visitor, _ = listener.accept()
        except OSError:
            return
        with visitor:
            visitor.recv(4096)
            visitor.sendall(body)


@promise("a sign-in page in place of the centre is refused and numbers nothing")
def _(world):
    _, tablet = enrolled(world)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nHi!\n"
        threading.Thread(target=answer_plainly, args=(listener, page), daemon=True).start()
        set_url(tablet, f"https://127.0.0.1:{listener.getsockname()[1]}")
        refused(tablet, "No secure connection")
        listener.shutdown(socket.SHUT_RDWR)


@promise("a centre that stands still in the middle of an answer is given up, and what was sent counts once")
def _(world):
    centre, tablet = enrolled(world)
    (tablet.folder / "doorstep.conf").write_text("stall = 1\n", encoding="ascii")
    proxy = world.proxy(centre.port)
    set_url(tablet, proxy.url)
    whole = world.tablet(centre, "ben", url=proxy.url)
    proxy.reset()
    whole("sync")
    # The answer is the last that comes down: all but its end passes.
    proxy.stall_down = proxy.bytes_down - 40
    failure = tablet.failure("sync")
    assert "stood still" in failure["what"], failure
    assert state(tablet)[0] == "1"
    proxy.reset()
    proxy.cut()
    tablet("sync")
    assert tablet.number("SELECT count(*) FROM ds_journal") == 1
    assert tablet.number("SELECT count(*) FROM ds_journal WHERE state = 2") == 1
    assert centre.json("patients")[0]["id"] == PATIENT


@promise("a code of another centre is refused before it is sent, and can still be used at its own")
def _(world):
    centre, other = world.centre(), world.centre(name="Other agency", folder="other")
    other("user", "add", "ben", "--name", "Ben", "--role", "care-manager")
    code = other.code("ben")
    tablet = world.empty_tablet("new")
    proxy = world.proxy(centre.port)
    failure = tablet.enrol_failure(proxy.url, code)
    assert "not the one that made the code" in failure["what"], failure
    assert "The code was not sent" in failure["safe"], failure
    assert proxy.connections == 1
    tablet.enrol(other.url, code)
    tablet("sync")


@promise("an enrolment whose answer was lost is repeated with the same code and is the same tablet")
def _(world):
    centre = world.centre()
    centre("user", "add", "ana", "--name", "Ana", "--role", "care-manager")
    code = centre.code("ana")
    tablet, proxy = world.empty_tablet("new"), world.proxy(centre.port)

    def cut_second(way, _total):
        # The second connection brings the code. What comes next is not passed on until this returns.
        for _ in range(20 if proxy.connections == 2 and way == "up" else 0):
            if centre.json("device", "list"):
                proxy.cut()
                return

    proxy.on_bytes = cut_second
    failure = tablet.enrol_failure(proxy.url, code)
    assert "broke off" in failure["what"], failure
    assert len(centre.json("device", "list")) == 1
    proxy.reset()
    tablet.enrol(proxy.url, code)
    assert len(centre.json("device", "list")) == 1
    tablet("sync")


@promise("a code works once: for another tablet it is refused")
def _(world):
    centre = world.centre()
    centre("user", "add", "ana", "--name", "Ana", "--role", "care-manager")
    code = centre.code("ana")
    world.empty_tablet("first").enrol(centre.url, code)
    failure = world.empty_tablet("second").enrol_failure(centre.url, code)
    assert failure["what"] and failure["next"], failure
    assert len(centre.json("device", "list")) == 1


@promise("a tablet that is enrolled already is not enrolled again")
def _(world):
    centre, tablet = enrolled(world)
    before = state(tablet)
    failure = tablet.enrol_failure(centre.url, centre.code("ana"))
    assert "enrolled already" in failure["what"], failure
    assert state(tablet) == before


if __name__ == "__main__":
    run_all()
