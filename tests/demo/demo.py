#!/usr/bin/python3
"""The main job, played through: real patients, two tablets without signal, one centre, a merged record.

Run by `make demo`. Every line that begins with "$" is a command, run exactly as it is printed, in the folder that is left
behind; every figure and every record shown is what such a command answered. Nothing leaves this machine.

DOORSTEP_SHARED, DOORSTEP_DEMO_NOTES and DOORSTEP_DEMO name other data, another file of notes, another folder.
"""
import csv
import glob
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from datetime import datetime
from zoneinfo import ZoneInfo

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import sample  # noqa: E402

BUILD = os.path.abspath(os.environ.get("DOORSTEP_BUILD", os.path.join(ROOT, "build")))
SHARED = os.path.abspath(os.environ.get("DOORSTEP_SHARED", os.path.join(os.path.dirname(ROOT), "shared")))
FOLDER = os.path.abspath(os.environ.get("DOORSTEP_DEMO", os.path.join(BUILD, "demo")))
NOTES_FILE = os.environ.get("DOORSTEP_DEMO_NOTES")
COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BOLD, BLUE, DIM, END = ("\033[1m", "\033[36m", "\033[2m", "\033[0m") if COLOURS else ("", "", "", "")
WIDTH = 112
COMMAND_S_MAX = 100
VISITS = 3
ZONE = "Europe/Zurich"
PEOPLE = {"ana": "Ana Costa", "ben": "Ben Okafor"}
TABLETS = "Takes ibuprofen 400 mg twice a day for the knee."


class Failed(Exception):
    pass


# --- saying and doing ------------------------------------------------------------


def say(text=""):
    print(textwrap.fill(text, WIDTH) if text else "", flush=True)


def step(title, text=""):
    print(f"\n{BOLD}== {title} =={END}", flush=True)
    if text:
        say(text)


def tell(text):
    """What a command answered: no word is left out, long lines are folded."""
    for line in text.rstrip("\n").split("\n"):
        label = re.match(r" *\S.{,24}? {2,}(?=\S)", line)
        indent = label.end() if label else len(line) - len(line.lstrip()) + 2
        for part in textwrap.wrap(line, WIDTH, initial_indent="    ", subsequent_indent=" " * (4 + indent),
                                  drop_whitespace=True, break_on_hyphens=False) or [""]:
            print(f"{DIM}{part}{END}" if part else "", flush=True)


def print_command(command):
    for number, line in enumerate(command.split("\n")):
        print(f"  {BLUE}{'$' if number == 0 else ' '} {line}{END}", flush=True)


class Shell:
    """Runs commands as a person at a shell would, and keeps the names they use in env.sh."""

    def __init__(self):
        self.names = {}
        self.name("PATH", f"{BUILD}:{os.environ.get('PATH', '')}", '"%s:$PATH"' % BUILD)
        self.name("DOORSTEP_DATA", os.path.join(FOLDER, "centre"))

    def name(self, name, value, written=None):
        self.names[name] = value
        with open(os.path.join(FOLDER, "env.sh"), "a", encoding="utf-8") as out:
            out.write("export %s=%s\n" % (name, written or shlex.quote(value)))

    def run(self, command, code=0):
        """Without a word; what it printed."""
        keep = {key: value for key, value in os.environ.items() if not key.startswith("DOORSTEP_")}
        done = subprocess.run(["bash", "-c", "set -o pipefail\n" + command], cwd=FOLDER, env={**keep, **self.names},
                              stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=COMMAND_S_MAX)
        if done.returncode != code:
            raise Failed("`%s` ended with %d: %s" % (command, done.returncode, (done.stderr or done.stdout).strip()))
        return done.stdout if code == 0 else done.stderr

    def do(self, command, code=0):
        """Printed, run, and its answer shown."""
        print_command(command)
        answer = self.run(command, code)
        if answer.strip():
            tell(answer)
        return answer

    def let(self, name, command):
        """Give the answer of a command a name for those that follow."""
        value = self.run(command).strip()
        print_command("%s=$(%s)" % (name, command))
        tell(value)
        self.name(name, value)
        return value


# --- the way between tablets and centre ------------------------------------------------------------


class Link:
    """The tablets' way to the centre, which can be cut: a relay of bytes on loopback, nothing else."""

    def __init__(self, port):
        self.target, self.ends, self.lock = port, set(), threading.Lock()
        self.port, self.listener = 0, None
        self.mend()

    def mend(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for end in self.ends:
                self.hang_up(end)

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            with self.lock:
                self.ends |= {near, far}
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def hang_up(end):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def pump(self, a, b):
        try:
            while chunk := a.recv(65536):
                b.sendall(chunk)
        except OSError:
            pass
        self.hang_up(a)
        self.hang_up(b)


# --- material ------------------------------------------------------------


def read_notes(path):
    with open(path, newline="", encoding="utf-8") as source:
        notes = [row["text"].replace("\r\n", "\n").strip() for row in csv.DictReader(source)]
    return [text for text in notes if 120 < len(text) < 500]


def material(shell):
    """The bundles (as a pattern) and the notes: the real ones where they are, else the built-in ones, with a word."""
    bundles = os.path.join(SHARED, "data", "fhir")
    notes_file = NOTES_FILE or os.path.join(SHARED, "data", "notes", "mts-dialog-notes.csv")
    real = bool(glob.glob(os.path.join(bundles, "*.json.gz"))) and os.path.exists(notes_file)
    if real:
        notes = read_notes(notes_file)
    else:
        say("NOTE: the real data is absent (looked for in %s). This plays on a small built-in set of %d invented "
            "patients instead." % (os.path.join(SHARED, "data"), len(sample.PEOPLE)))
        bundles = os.path.join(FOLDER, "sample")
        os.makedirs(bundles)
        notes = sample.write(bundles)[1]
        if NOTES_FILE:
            notes = read_notes(NOTES_FILE)
    if len(notes) < 1 + 2 * VISITS:
        raise Failed("%d notes of 120 to 500 characters are needed, and %s has %d" %
                     (1 + 2 * VISITS, notes_file, len(notes)))
    shell.name("BUNDLES", bundles)
    os.makedirs(os.path.join(FOLDER, "notes"))
    return notes, real


def write_file(name, text):
    with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as out:
        out.write(text)


# --- the play ------------------------------------------------------------


class Play:
    def __init__(self):
        self.started = time.monotonic()
        self.shell = Shell()
        self.centre, self.link, self.syncs, self.visits = None, None, [], {}

    def make_centre(self):
        step("1. A centre", "An agency's centre is a folder with a database and keys. It knows two care managers and "
             "a supervisor, and serves their tablets over HTTPS, here on this machine only.")
        do = self.shell.do
        do("doorstepd init --name 'Riverside Home Care' --host localhost --zone " + ZONE)
        do("doorstepd user add ana --name 'Ana Costa' --role care-manager")
        do("doorstepd user add ben --name 'Ben Okafor' --role care-manager")
        do("doorstepd user add sue --name 'Sue Lind' --role supervisor")
        self.serve()

    def serve(self):
        print_command("doorstepd serve --listen 127.0.0.1:0 &")
        with open(os.path.join(FOLDER, "centre.log"), "w", encoding="utf-8") as log:
            self.centre = subprocess.Popen(
                [os.path.join(BUILD, "doorstepd"), "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                stderr=log, stdin=subprocess.DEVNULL, encoding="utf-8", cwd=FOLDER, env={**os.environ, **self.shell.names})
        line = self.centre.stdout.readline()
        if not line:
            raise Failed("the centre did not start: see %s/centre.log" % FOLDER)
        tell(line)
        with open(os.path.join(FOLDER, "centre", "port"), encoding="ascii") as port:
            self.link = Link(int(port.read()))

    def import_patients(self):
        step("2. Patients", "They come as FHIR R4 bundles. What a home visit needs is taken; the rest is counted.")
        self.shell.do('doorstepd import fhir "$BUNDLES"/*.json* | tail -1')
        self.assign()
        self.plan()

    def assign(self):
        """Two caseloads; those in the middle are in both."""
        listed = json.loads(self.shell.run("doorstepd patients --json"))
        ids = [p["id"] for p in listed if p["status"] == "active" and not p["deceased"]]
        third = max(1, len(ids) // 3)
        self.caseload = {"ana": ids[:2 * third], "ben": ids[third:][::-1]}
        say("Two caseloads that overlap: a tablet gets the patients that its care manager is assigned, and no others.")
        for login, patients in self.caseload.items():
            write_file(f"caseload-{login}.txt", "".join(f"{p}\n" for p in patients))
            self.shell.do(f"doorstepd assign --user {login} $(sed 's/^/--patient /' caseload-{login}.txt)")

    def plan(self):
        day = datetime.now(ZoneInfo(ZONE)).strftime("%Y-%m-%d")
        lines = [f"{login} {patient} {day}T{9 + hour:02}:00" for login in PEOPLE
                 for hour, patient in enumerate(self.caseload[login][:VISITS])]
        write_file("visits.txt", "".join(f"{line}\n" for line in lines))
        answer = self.shell.do("while read -r login patient at; do\n"
                               "    doorstepd visit plan --patient $patient --user $login --at $at --purpose 'Home visit'\n"
                               "done <visits.txt")
        visits = re.findall(r"visit/([0-9a-f-]{36})", answer)
        if len(visits) != len(lines):
            raise Failed("%d visits were planned, not %d" % (len(visits), len(lines)))
        for line, visit in zip(lines, visits):
            login, patient, _ = line.split()
            self.visits.setdefault(login, []).append((visit, patient))

    def sync(self, login, when):
        answer = self.shell.do(f"doorstep sync --home {login}")
        sent = re.search(r"Sent (\d+) changes?, received (\d+) records?", answer)
        way = re.search(r"(\d+) bytes up, (\d+) bytes down, (\d+) requests?, ([\d.]+) s", answer)
        if not sent or not way:
            raise Failed("a sync did not say what travelled: " + answer)
        self.syncs.append((login, when, *sent.groups(), *way.groups()))

    def enrol(self):
        step("3. Two tablets", "A one-time code makes a tablet known to its centre, and tells it whom to trust. The "
             "first exchange fetches the caseload.")
        for login in PEOPLE:
            self.shell.do(f"doorstepd device code --user {login} --code-only |\n"
                          f"    doorstep enrol https://127.0.0.1:{self.link.port} - --home {login}")
            self.sync(login, "first fetch")
            self.shell.do(f"""doorstep sql "SELECT (SELECT count(*) FROM patient) || ' patients, ' ||
    (SELECT count(*) FROM visit) || ' visits, ' || (SELECT count(*) FROM medication) || ' medications, ' ||
    (SELECT count(*) FROM observation) || ' observations' AS held" --home {login}""")

    def share(self, notes):
        """What both have before they leave: a note, a task, a medication and a plan of a patient of both."""
        do, let = self.shell.do, self.shell.let
        say("Both look after one patient, here with a medication. Ana writes a note and a task about them; after the next "
            "exchanges both tablets hold them.")
        let("MEDICATION", """sqlite3 ana/replica.db "ATTACH 'ben/replica.db' AS ben; SELECT id FROM medication
    JOIN plan USING (patient) WHERE medication.id IN (SELECT id FROM ben.medication)
    ORDER BY medication.status <> 'active', dose IS NULL, medication.id LIMIT 1\"""".replace(
            "SELECT id FROM medication\n", "SELECT medication.id FROM medication\n"))
        let("PATIENT", """doorstep sql "SELECT patient FROM medication WHERE id = '$MEDICATION'" --home ana""")
        let("PLAN", """doorstep sql "SELECT min(id) FROM plan WHERE patient = '$PATIENT'" --home ana""")
        let("CATEGORIES", """doorstep sql "SELECT group_concat(value, ', ') FROM plan, json_each(category)
    WHERE plan.id = '$PLAN'" --home ana""")
        do("""doorstep sql "SELECT name FROM patient WHERE id = '$PATIENT'" --home ana""")
        write_file("notes/shared.txt", f"{notes[0]}\n{TABLETS}\n")
        let("NOTE", "doorstep note add --patient $PATIENT --file notes/shared.txt --home ana | grep -o '[^/]*$'")
        let("TASK", "doorstep task add 'Fit the pill box' --patient $PATIENT --home ana | grep -o '[^/]*$'")
        self.sync("ana", "a note and a task")
        self.sync("ben", "fetches them")

    def write_offline(self, notes):
        step("4. Out of reach", "The way to the centre is cut. Everything goes on: each write is on the tablet's disk before "
             "it is confirmed.")
        self.link.cut()
        self.shell.do("doorstep sync --home ana", code=1)
        self.shell.do("doorstep today --home ana")
        for number, login in enumerate(PEOPLE):
            say("%s goes to %d visits and writes a note at each:" % (PEOPLE[login].split()[0], len(self.visits[login])))
            own = notes[1 + number * VISITS:]
            for at, text in enumerate(own[:VISITS]):
                write_file(f"notes/{login}-{at + 1}.txt", text + "\n")
            write_file(f"round-{login}.txt", "".join(f"{visit} {patient} notes/{login}-{at + 1}.txt\n"
                                                     for at, (visit, patient) in enumerate(self.visits[login])))
            self.shell.do(f"while read -r visit patient note; do\n"
                          f"    doorstep visit in $visit --home {login}\n"
                          f"    doorstep note add --patient $patient --visit $visit --file $note --home {login}\n"
                          f"    doorstep visit out $visit --home {login}\n"
                          f"done <round-{login}.txt")

    def write_the_same(self, notes):
        do = self.shell.do
        write_file("notes/shared-ana.txt", "%s\n%s\nThe daughter was present and will bring the old letters.\n" %
                   (notes[0], TABLETS.replace("400", "600")))
        write_file("notes/shared-ben.txt", "%s\n%s\nAsked about sleep: no complaint.\n" %
                   (notes[0], TABLETS.replace("twice", "once")))
        say("Ana then edits the patient's phone number, the note, the dose and the plan's categories, and finishes the task.")
        do("doorstep set patient/$PATIENT phone='+41 44 555 77 01' --home ana")
        do("doorstep note edit $NOTE --file notes/shared-ana.txt --home ana")
        do("doorstep set medication/$MEDICATION dose=10 unit=mg frequency='once a day' --home ana")
        do("doorstep set plan/$PLAN category=\"$CATEGORIES, Fall prevention\" --home ana")
        do("doorstep task done $TASK --outcome 'Fitted in the kitchen' --home ana")
        say("Ben, a little later and knowing nothing of it, edits the same five; the phone number with nothing but sqlite3.")
        do("doorstep note edit $NOTE --file notes/shared-ben.txt --home ben")
        do("doorstep set medication/$MEDICATION dose=5 unit=mg frequency='twice a day' --home ben")
        do("doorstep set task/$TASK status=in-progress --home ben")
        do("doorstep set plan/$PLAN category=\"$CATEGORIES, Nutrition\" --home ben")
        do("sqlite3 ben/replica.db \"UPDATE patient SET phone = '+41 44 555 77 02' WHERE id = '$PATIENT'\"")
        say("What each tablet holds now that the centre has not heard of:")
        for login in PEOPLE:
            do(f"doorstep status --home {login}")
        do("sqlite3 -header -column ben/replica.db \"SELECT kind, count(*) AS records, what FROM outbox GROUP BY kind\"")

    def come_back(self):
        step("5. Back in reach", "One request each brings the round to the centre and what is new to the tablet.")
        self.link.mend()
        self.sync("ana", "back in reach")
        self.sync("ben", "back in reach")
        self.sync("ana", "hears of Ben's work")

    def show_merged(self):
        do = self.shell.do
        step("6. At the centre: one record, merged", "The phone number: of an ordinary field the later edit stands, where "
             "the measured times leave no doubt which that is. Nothing is overwritten in the history.")
        do("doorstepd history patient/$PATIENT | tail -6")
        say("The care plan's categories: what both added is there.")
        do("doorstepd show plan/$PLAN")
        say("The task: done beats begun.")
        do("doorstepd history task/$TASK | tail -10")
        say("The note: what each wrote at its end is there, merged by words. One changed the dose of a sentence and the other "
            "how often: such a sentence is not made of two halves. The centre's stands, the other is kept beside it.")
        do("doorstepd show note/$NOTE")
        say("What each of the two wrote, and what became of it:")
        do("doorstepd history note/$NOTE")
        do("doorstepd show medication/$MEDICATION")

    def conflict_of(self, name, record):
        """Give the one open conflict of a record a name."""
        conflicts = json.loads(self.shell.run("doorstepd conflicts --open --json"))
        found = [c["id"] for c in conflicts if c["record"].endswith(self.shell.names[record])]
        if len(found) != 1:
            raise Failed("%s has %d open conflicts, not one" % (record, len(found)))
        self.shell.let(name, "doorstepd conflicts --open --json | tr '{' '\\n' |\n"
                       f"    grep ${record} | grep -o '\"id\":\"[^\"]*' | cut -d'\"' -f4 | head -1")
        if self.shell.names[name] != found[0]:
            raise Failed(f"the conflict of {record} was not found")

    def decide(self):
        do = self.shell.do
        step("7. In conflict: people decide", "A dose is never decided by the machine, nor are two wordings of a "
             "sentence. What is open is shown at the centre and on both tablets.")
        do("doorstepd conflicts --open")
        self.conflict_of("OF_NOTE", "NOTE")
        say("The supervisor takes Ben's sentence of the note; all else that was written stays.")
        do("doorstepd decide $OF_NOTE --keep other --as sue")
        do("doorstepd show note/$NOTE")
        self.conflict_of("OF_MEDICATION", "MEDICATION")
        say("The doses are decided by Ana, on her tablet, out of reach.")
        self.link.cut()
        do("doorstep conflicts --home ana | head -6")
        do("doorstep decide $OF_MEDICATION --keep other --home ana")
        do("doorstep status --home ana")
        self.link.mend()
        self.sync("ana", "brings her decision")
        self.sync("ben", "hears both decisions")
        for login in PEOPLE:
            do(f"doorstep sql \"SELECT name, dose, unit, frequency FROM medication WHERE id = '$MEDICATION'\" --home {login}")
        do("doorstepd history medication/$MEDICATION | tail -12")

    def sign(self):
        do = self.shell.do
        step("8. Signed", "Ana signs the note while Ben, out of reach, still writes in it. What was signed stays as it was "
             "signed; what Ben wrote is kept beside it, under his name.")
        self.link.cut()
        do("doorstep sql \"SELECT observed FROM note WHERE id = '$NOTE'\" --home ben >notes/shared-late.txt\n"
           "echo 'The pharmacy will deliver on Friday.' >>notes/shared-late.txt")
        do("doorstep note edit $NOTE --file notes/shared-late.txt --home ben")
        do("doorstep note sign $NOTE --home ana")
        say("From now on its words can't be changed on her tablet either, whatever program tries:")
        do("sqlite3 ana/replica.db \"UPDATE note SET observed = 'nothing' WHERE id = '$NOTE'\" 2>&1 || true")
        self.link.mend()
        self.sync("ana", "a signed note")
        self.sync("ben", "a late edit of it")
        self.sync("ana", "hears of it")
        do("doorstep show note/$NOTE --home ana")

    def prove(self):
        step("9. Nothing lost, and it can be shown", "Each tablet checks its journal against what the centre has signed; the "
             "centre checks its history, chain and records.")
        for login in PEOPLE:
            self.shell.do(f"doorstep verify --home {login}")
        self.shell.do("doorstepd verify")
        for login in PEOPLE:
            self.shell.do(f"doorstep status --home {login}")

    def report(self, real):
        step("What travelled", "Taken from the answers of `doorstep sync` above.")
        head = ("tablet", "exchange", "changes", "records", "bytes up", "bytes down", "requests", "seconds")
        for row in [head, *self.syncs]:
            print("    %-7s %-20s %8s %8s %9s %11s %9s %8s" % row)
        step("Done in %.0f seconds%s" % (time.monotonic() - self.started, "" if real else ", on the built-in set"))
        say("The centre has been stopped. Its folder and the tablets' are left in %s. Look around:" % FOLDER)
        print(f"""
    cd {FOLDER} && . ./env.sh
    doorstepd patients                          # everybody, with their care managers
    doorstepd history medication/$MEDICATION    # who wrote what, when, and what became of it
    doorstepd review $NOTE return --comment 'Which letters?' --as sue
    doorstepd conflicts                         # what was open, and who decided
    doorstep today --home ana
    doorstep sql "SELECT name, phone FROM patient LIMIT 5" --home ana
    sqlite3 ben/replica.db "UPDATE patient SET phone = '+41 44 555 77 03' WHERE id = '$PATIENT'"
    sqlite3 ben/replica.db "SELECT * FROM outbox"
    doorstepd serve --listen 127.0.0.1:{self.link.port} &      # where the tablets look for it
    doorstep sync --home ben
""", flush=True)

    def play(self):
        say("Doorstep: care managers write on tablets without signal, the centre merges. Lines with $ are commands, run as "
            "they are printed; below each is what it answered.")
        notes, real = material(self.shell)
        try:
            self.make_centre()
            self.import_patients()
            self.enrol()
            self.share(notes)
            self.write_offline(notes)
            self.write_the_same(notes)
            self.come_back()
            self.show_merged()
            self.decide()
            self.sign()
            self.prove()
        finally:
            self.stop()
        self.report(real)

    def stop(self):
        if self.centre is None:
            return
        self.centre.send_signal(signal.SIGTERM)
        try:
            self.centre.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.centre.kill()
            self.centre.wait()
        self.centre.stdout.close()


def main():
    if not os.path.exists(os.path.join(BUILD, "doorstepd")):
        say("The programs are not in %s. Run `make` first, or `make demo`, which does both." % BUILD)
        return 1
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    try:
        Play().play()
    except (Failed, subprocess.TimeoutExpired) as failure:
        say()
        say("The demo stopped: %s" % failure)
        say("What it made is in %s." % FOLDER)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
