#!/usr/bin/python3
"""`kill -9` of tablets and centre, fifty times, while people go on writing: nothing that was confirmed is lost.

The seed is printed; DOORSTEP_SEED=N repeats a run's choices (not its timing).
"""
import os
import random
import signal
import threading
import uuid

from doorstep_e2e import promise, run_all, wait_until
from doorstep_proof import Agency, check_all, history_count, settings, settle

SEED = int(os.environ.get("DOORSTEP_SEED", "20260301"))
KILLS = 50
TURNS_MAX = 3 * KILLS
PROVEN_MIN = KILLS // 3 + 1
LOGINS = ("ana", "ben")
# What every tablet finds at the start, and edits a group of, once each.
SHARED = 60
FIELDS = ("title", "notes", "recurrence")


class Ghosts:
    """Every write that was confirmed: what a person was told is saved."""

    def __init__(self):
        self.lock, self.writes = threading.Lock(), []

    def confirmed(self, login, record, field, value):
        with self.lock:
            self.writes.append((login, record, field, value))


class Writer:
    """One care manager's pen: draws what to write, writes it by stock sqlite3 or by command, notes what was confirmed.

    A value that its own author overwrites before it is sent is no change, so no group is written twice by one author,
    but for the diary's, of which only the last one counts.
    """

    def __init__(self, agency, login, dice, shared, ghosts):
        self.agency, self.login, self.dice, self.ghosts = agency, login, dice, ghosts
        self.tablet, self.count = agency.tablets[login], 0
        self.fresh = [(task_id, field) for task_id in shared for field in FIELDS]
        dice.shuffle(self.fresh)
        self.diary, self.diary_text = str(uuid.uuid4()), None

    def value(self):
        """Never the same twice, so that no write leaves a value as it was."""
        self.count += 1
        return f"{self.login} {self.count}"

    def plan(self):
        """[(function, arguments)]: one to three writes."""
        ways = (self.insert, self.edit_sql, self.edit_sql, self.edit_command, self.note_command, self.write_diary)
        writes = []
        for _ in range(self.dice.randint(1, 3)):
            way = self.dice.choice(ways)
            if way in (self.edit_sql, self.edit_command):
                writes.append((way, (*self.fresh.pop(), self.value())))
            else:
                writes.append((way, (self.dice.choice(self.agency.patients), self.value())))
        return writes

    def carry_out(self, writes):
        for way, arguments in writes:
            way(*arguments)

    def insert(self, patient, value):
        task_id = str(uuid.uuid4())
        self.tablet.sql(f"INSERT INTO task(id, patient, title) VALUES('{task_id}', '{patient}', '{value}')")
        self.ghosts.confirmed(self.login, f"task/{task_id}", "title", value)

    def edit_sql(self, task_id, field, value):
        self.tablet.sql(f"UPDATE task SET {field} = '{value}' WHERE id = '{task_id}'")
        self.ghosts.confirmed(self.login, f"task/{task_id}", field, value)

    def edit_command(self, task_id, field, value):
        self.tablet("set", f"task/{task_id}", f"{field}={value}")
        self.ghosts.confirmed(self.login, f"task/{task_id}", field, value)

    def note_command(self, patient, value):
        note = self.tablet.json("note", "add", "--patient", patient, text=value + "\n")
        self.ghosts.confirmed(self.login, f"note/{note['id']}", "observed", value)

    def write_diary(self, _, value):
        patient = self.agency.patients[0]
        self.tablet.sql(f"INSERT INTO note(id, patient, plan) VALUES('{self.diary}', '{patient}', '{value}')"
                        " ON CONFLICT(id) DO UPDATE SET plan = excluded.plan")
        self.diary_text = value


class Executioner:
    """Ends a process at a moment that was drawn, and says whether that hit an open sync for certain.

    held-early: the request is under way; the answer waits.     proven
    held-late:  the centre has committed; the answer waits.     proven
    held-part:  a part of the answer has passed.                proven
    bytes:      when so many bytes have passed, either way.     not counted
    time:       after so long, about as long as a sync takes.   not counted
    """

    def __init__(self, agency, dice):
        self.agency, self.dice = agency, dice
        self.hits = {}
        self.kills = self.proven = 0

    def strike(self, process, victim, how, proven=None):
        if process.poll() is not None:
            return
        sync_open = proven is not None and proven()
        process.kill()
        if process.wait() == -signal.SIGKILL:
            self.kills += 1
            self.proven += sync_open
            self.hits[(victim, how)] = self.hits.get((victim, how), 0) + 1

    def carry_out(self, how, proxy, begin, victim):
        """begin() starts a sync by way of proxy; either its process or the centre dies. Returns its process."""
        proxy.reset()
        if how == "time":
            syncing = begin()
            threading.Event().wait(self.dice.random() * 0.12)
            self.strike(self.dying(syncing, victim), victim, how)
        elif how == "bytes":
            syncing = self.at_bytes(proxy, begin, victim)
        else:
            syncing = self.at_held(how, proxy, begin, victim)
        proxy.reset()
        return syncing

    def dying(self, syncing, victim):
        return self.agency.centre.process if victim == "centre" else syncing

    def at_held(self, how, proxy, begin, victim):
        before = history_count(self.agency.centre)
        proxy.hold(self.dice.randint(1, 150) if how == "held-part" else 0)
        syncing = begin()

        def reached():
            return proxy.asking() and (how != "held-late" or history_count(self.agency.centre) > before)

        wait_until(lambda: reached() or syncing.poll() is not None, f"a sync {how}")
        self.strike(self.dying(syncing, victim), victim, how, lambda: proxy.asking() and syncing.poll() is None)
        return syncing

    def at_bytes(self, proxy, begin, victim):
        bytes_until = self.dice.randint(0, 4500)
        passed = threading.Event()

        def count(_way, _total):
            if proxy.bytes_up + proxy.bytes_down >= bytes_until:
                passed.set()

        def quiet():
            return proxy.bytes_answer > 0 and not proxy.asking()

        proxy.on_bytes = count
        syncing = begin()
        wait_until(lambda: passed.is_set() or syncing.poll() is not None or quiet(), "bytes that pass")
        self.strike(self.dying(syncing, victim), victim, "bytes")
        return syncing


class Story:
    def __init__(self, world):
        self.dice, self.ghosts, self.trouble = random.Random(SEED), Ghosts(), []
        self.agency = Agency(world, LOGINS, patients=3)
        for tablet in self.agency.tablets.values():
            settings(tablet, rest=0, poll=3600, connect=20, stall=20)
        shared = self.give_shared()
        self.writers = {login: Writer(self.agency, login, random.Random(self.dice.random()), shared, self.ghosts)
                        for login in LOGINS}
        self.executioner = Executioner(self.agency, self.dice)

    def give_shared(self):
        ids = [str(uuid.uuid4()) for _ in range(SHARED)]
        rows = ", ".join(f"('{task_id}', '{self.agency.patients[i % 3]}', 'Shared {i}')" for i, task_id in enumerate(ids))
        self.agency.tablets["ana"].sql(f"INSERT INTO task(id, patient, title) VALUES {rows}")
        settle(self.agency)
        return ids

    def turn(self):
        """Both write, one of them syncs meanwhile, somebody dies."""
        login = self.dice.choice(LOGINS)
        victim = self.dice.choice(("centre", "sync", "run"))
        how = self.dice.choice(("held-early", "held-late", "held-part", "bytes", "time"))
        runs = victim == "run" or (victim == "centre" and self.dice.random() < 0.3)
        tablet = self.agency.tablets[login]
        # Something to send, so that the centre has something to commit.
        self.writers[login].insert(self.agency.patients[0], self.writers[login].value())
        threads = [threading.Thread(target=self.write, args=(writer, writer.plan())) for writer in self.writers.values()]

        def begin():
            process = tablet.start() if runs else tablet.begin("sync")
            for thread in threads:
                thread.start()
            return process

        syncing = self.executioner.carry_out(how, self.agency.proxies[login], begin, victim)
        self.clear(tablet, syncing, runs)
        for thread in threads:
            thread.join()
        assert not self.trouble, self.trouble[0]

    def write(self, writer, writes):
        try:
            writer.carry_out(writes)
        except Exception as error:  # of another thread: raised by turn()
            self.trouble.append(error)

    def clear(self, tablet, syncing, runs):
        """The day goes on: the centre is started anew, what still runs is ended."""
        if self.agency.centre.process.poll() is not None:
            self.agency.centre.start()
        if runs and syncing.poll() is None:
            # Told to stop before it was ready to listen, it just ends.
            assert tablet.stop() in (0, -signal.SIGTERM), tablet.log()
        if not runs:
            result = tablet.end(syncing, code=None)
            assert result.code in (0, 1, -signal.SIGKILL), repr(result)

    def check_ghosts(self):
        """Each value that was confirmed is in the centre's history, under its author, or held."""
        held = {row["record"] for row in self.agency.centre.json("held")}
        past = {}
        for login, record, field, value in self.ghosts.writes:
            if record not in past:
                past[record] = [(row["name"], row["field"], row["value"])
                                for row in self.agency.centre.json("history", record)]
            found = (login.title(), field, value) in past[record]
            assert found or record in held, f"lost: {login} wrote {field} = {value} in {record}: {past[record]}"


@promise(f"after {KILLS} random kill -9 of tablets and centre each confirmed write is at the centre, once, and all are equal")
def _(world):
    print(f"# DOORSTEP_SEED={SEED}", flush=True)
    story = Story(world)
    executioner = story.executioner
    for _ in range(TURNS_MAX):
        if executioner.kills >= KILLS:
            break
        story.turn()
    settle(story.agency)
    for (victim, how), count in sorted(executioner.hits.items()):
        print(f"# {victim} {how}: {count}")
    print(f"# {executioner.kills} kills, {executioner.proven} with a sync open for certain,"
          f" {len(story.ghosts.writes)} confirmed writes", flush=True)
    assert executioner.kills >= KILLS and executioner.proven >= PROVEN_MIN
    story.check_ghosts()
    for writer in story.writers.values():
        rows = story.agency.centre.read("SELECT plan FROM note WHERE id = ?", writer.diary)
        assert writer.diary_text is None or rows == [(writer.diary_text,)], (rows, writer.diary_text)
    check_all(story.agency)


if __name__ == "__main__":
    run_all()
