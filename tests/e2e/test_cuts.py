#!/usr/bin/python3
"""A link that breaks at any place of an exchange: nothing is half applied, people are told, and the next sync mends it."""
import json
import random
import time
import uuid

from doorstep_e2e import promise, run_all
from doorstep_proof import Agency, check_all, check_once, history_count, records, records_of, settings, settle, sync_open
from doorstep_relay import Relay

CUTS = 50
CUTS_UP = 10
TEXT_BYTES = 12000


def two(world):
    """ana, who will be cut off, and ben, who writes what ana is to receive; a record that both know for each of them."""
    agency = Agency(world, ("ana", "ben"))
    task_id, note_id = str(uuid.uuid4()), str(uuid.uuid4())
    patient = agency.patients[0]
    agency.tablets["ana"].sql(f"INSERT INTO task(id, patient, title) VALUES('{task_id}', '{patient}', 'First')")
    agency.tablets["ben"].sql(f"INSERT INTO note(id, patient, observed) VALUES('{note_id}', '{patient}', 'First')")
    settle(agency)
    return agency, task_id, note_id


def title(agency, text):
    agency.tablets["ana"].sql(f"UPDATE task SET title = '{text}'")


def title_at(agency):
    return agency.centre.read("SELECT title FROM task")[0][0]


def observed(database):
    return database.read("SELECT observed FROM note")[0][0]


def journal(tablet):
    """{number: state}; 0 waits for its outcome."""
    return dict(tablet.read("SELECT n, state FROM ds_journal"))


def applied(tablet):
    """All that an answer can change, but for what becomes of numbers."""
    tables = ("ds_version", "ds_copy", "ds_gone", "ds_caseload", "ds_receipt", "ds_past")
    with tablet.reading() as read:
        known = {table: read(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}
        known["meta"] = read("SELECT * FROM ds_meta WHERE key IN ('cursor', 'last_down_ms', 'proven_n') ORDER BY key")
        return records_of(read), known


def check_nothing_applied(tablet, before, states, where):
    assert applied(tablet) == before, f"{where}: something was applied"
    for n, state in journal(tablet).items():
        assert state == states.get(n, 0), f"{where}: number {n} has state {state}"
    assert tablet.read("PRAGMA integrity_check") == [("ok",)], where


def check_told(tablet, failure, *words):
    said = failure["what"]
    assert any(word in said for word in words or ("broke off",)) and "saved on this tablet" in failure["safe"], failure
    assert failure["next"], failure
    status = tablet.json("status")
    assert (status["last_failure"], status["last_failure_next"]) == (failure["what"], failure["next"]), status
    assert int(status["pending"]) > 0 and "synced" not in tablet("status").out.lower()


def told(result):
    return json.loads(result.err.strip().splitlines()[-1])


# --- cut at many places


@promise(f"an answer cut at any of {CUTS} places changes nothing, is said plainly, and the next sync brings everything once")
def _(world):
    agency, _, note_id = two(world)
    ana, ben, proxy, dice = agency.tablets["ana"], agency.tablets["ben"], agency.proxies["ana"], random.Random(1)

    def news(turn):
        text = f"{turn} {dice.randbytes(TEXT_BYTES // 2).hex()}"
        ben.sql(f"UPDATE note SET observed = '{text}' WHERE id = '{note_id}'")
        ben("sync")
        title(agency, f"Turn {turn}")
        return text

    text = news(0)
    proxy.reset()
    assert ana.json("sync")["requests"] == "1"
    length = proxy.bytes_answer
    assert observed(ana) == text and length > TEXT_BYTES / 2, length
    for cut in range(CUTS):
        text, before, states = news(cut + 1), applied(ana), journal(ana)
        proxy.cut_answer = cut * length // CUTS
        where = f"cut after {proxy.cut_answer} of {length} bytes"
        failure = ana.failure("sync")
        proxy.reset()
        check_nothing_applied(ana, before, states, where)
        check_told(ana, failure)
        report = ana.json("sync")
        assert (report["accepted"], report["pending"]) == ("1", "0"), f"{where}: {report}"
        assert observed(ana) == text and title_at(agency) == f"Turn {cut + 1}", where
    # Each change was sent twice: it left with the request whose answer was cut.
    check_once(agency.centre, ana)
    assert len(journal(ana)) == CUTS + 2
    settle(agency)
    check_all(agency)


@promise(f"a request cut at any of {CUTS_UP} places loses nothing, and the next sync brings everything once")
def _(world):
    agency, _, _ = two(world)
    ana, proxy, dice = agency.tablets["ana"], agency.proxies["ana"], random.Random(2)

    def edit(turn):
        text = f"{turn} {dice.randbytes(TEXT_BYTES // 2).hex()}"
        ana.sql(f"UPDATE task SET notes = '{text}'")
        return text

    edit(0)
    proxy.reset()
    ana("sync")
    length = proxy.bytes_up
    assert length > TEXT_BYTES / 2, length
    for cut in range(CUTS_UP):
        text, before, states, count = edit(cut + 1), applied(ana), journal(ana), history_count(agency.centre)
        proxy.cut_up = cut * length // CUTS_UP
        where = f"cut after {proxy.cut_up} of {length} bytes"
        failure = ana.failure("sync")
        proxy.reset()
        check_nothing_applied(ana, before, states, where)
        check_told(ana, failure, "broke off", "No secure connection")
        assert history_count(agency.centre) == count, where
        report = ana.json("sync")
        assert (report["accepted"], report["pending"]) == ("1", "0"), f"{where}: {report}"
        assert agency.centre.read("SELECT notes FROM task") == [(text,)], where
    settle(agency)
    check_all(agency)


# --- lost, doubled, late


@promise("a change whose answer was lost after the centre's commit is sent again, has its outcome, and counts once")
def _(world):
    agency, task_id, _ = two(world)
    ana, proxy = agency.tablets["ana"], agency.proxies["ana"]
    title(agency, "Second")
    before, states = applied(ana), journal(ana)
    process = sync_open(agency)
    proxy.cut()
    result = ana.end(process, code=1)
    proxy.reset()
    assert title_at(agency) == "Second"
    check_nothing_applied(ana, before, states, "answer lost")
    check_told(ana, told(result))
    count = history_count(agency.centre)
    report = ana.json("sync")
    assert (report["sent"], report["accepted"], report["pending"]) == ("1", "1", "0"), report
    assert history_count(agency.centre) == count
    assert [row["value"] for row in agency.centre.json("history", f"task/{task_id}") if row["group"] == "title"] == \
        ["First", "Second"]
    settle(agency)
    check_all(agency)


@promise("a request that arrives three times counts once, and its last answer is as good as the first")
def _(world):
    agency, task_id, _ = two(world)
    ana = agency.tablets["ana"]
    with Relay(agency.centre) as relay:
        relay.lead(ana)
        relay.times = 3
        title(agency, "Second")
        count = history_count(agency.centre)
        report = ana.json("sync")
        assert (report["sent"], report["accepted"], report["pending"]) == ("1", "1", "0"), report
        assert len(relay.requests) == 1 and len(relay.answers) == 3
        assert history_count(agency.centre) == count + 1
        assert [row["value"] for row in agency.centre.json("history", f"task/{task_id}")] == ["First", "Second"]
        title(agency, "Third")
        settle(agency)
    check_all(agency)


@promise("a request that arrives once more after later ones changes nothing")
def _(world):
    agency, _, _ = two(world)
    ana = agency.tablets["ana"]
    with Relay(agency.centre) as relay:
        relay.lead(ana)
        for text in ("Second", "Third"):
            title(agency, text)
            ana("sync")
        count, before = history_count(agency.centre), records(agency.centre)
        relay.send(relay.requests[0])
        assert history_count(agency.centre) == count and records(agency.centre) == before
        title(agency, "Fourth")
        settle(agency)
    assert title_at(agency) == "Fourth"
    check_all(agency)


@promise("an answer to an earlier request is not applied, and the next sync mends it")
def _(world):
    agency, _, _ = two(world)
    ana = agency.tablets["ana"]
    with Relay(agency.centre) as relay:
        relay.lead(ana)
        title(agency, "Second")
        ana("sync")
        title(agency, "Third")
        before, states = applied(ana), journal(ana)
        relay.answer = relay.answers[0]
        failure = ana.failure("sync")
        assert failure["what"] and "Nothing of it was applied" in failure["safe"] and failure["next"], failure
        check_nothing_applied(ana, before, states, "an earlier answer")
        settle(agency)
    assert title_at(agency) == "Third"
    check_all(agency)


# --- standing still


@promise("a link that stands still, before or within the answer, is given up in bounded time, and the next sync mends it")
def _(world):
    agency, _, _ = two(world)
    ana, proxy = agency.tablets["ana"], agency.proxies["ana"]
    settings(ana, stall=1)
    for turn, passed in enumerate((0, 100)):
        title(agency, f"Turn {turn}")
        before, states = applied(ana), journal(ana)
        proxy.hold(passed)
        began = time.monotonic()
        failure = ana.failure("sync")
        assert time.monotonic() - began < 30, "the limit is one second"
        check_nothing_applied(ana, before, states, f"stalled after {passed} bytes")
        check_told(ana, failure, "stood still")
        proxy.cut()
        proxy.reset()
        ana("sync")
        assert title_at(agency) == f"Turn {turn}"
    settle(agency)
    check_all(agency)


if __name__ == "__main__":
    run_all()
