#!/usr/bin/python3
"""Does the hunt find what it is there to find? Seeded bugs, each applied to a copy of the sources and hunted.

    bugs.py            every bug of bugs.txt, and the code as it stands, which must survive the same seeds
    bugs.py NAME...    these bugs alone
    bugs.py --check    only: does every patch still apply and compile, and do table and folder agree?

Environment:
    BUILD        where things are built (build); copies go to BUILD/bugs/NAME and are removed after the hunt
    BUG_SEEDS    how many seeds a hunt may take (2000)
    FROM         the first seed (1)
    BUG_STARTS   each bug is hunted from so many starts (3), a million seeds apart, for the median
    BUG_SECONDS  what one hunt may take (3600)
    JOBS         hunts at a time (as many as there are processors; each plays one run at a time)
    KEEP=1       leave the copies

A bug is caught where the hunt from most of its starts reports a seed, or dies of one (an assertion, a crash, a sanitizer's report).
Prints TAP as results come, then the table; the table is also left in BUILD/bugs/table.md. Exit 1: something was not caught.
"""
import concurrent.futures
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TABLE = os.path.join(HERE, "bugs.txt")
PATCHES = os.path.join(HERE, "bugs")
STEP = 1_000_000
LISTED_LEAST, OWN_LEAST = 18, 12
OBJECTS = ("common", "proto", "client", "daemon", "tests/support", "tests/sim")
FOUND = re.compile(r"^# SEED=(\d+): (\S+?)[:,]?(?:\s|$)(.*)", re.MULTILINE)
REPORTED = re.compile(r"^(?:not )?ok 1 ", re.MULTILINE)
UNMET = re.compile(r"^# never met: (.*)", re.MULTILINE)
PROGRAM = "tests/sim/hunt"


class Wrong(Exception):
    """It could not be hunted at all."""


def number(name, usual):
    return int(os.environ.get(name) or usual)


# --- the table -------------------------------------------------------------------------------------------------------


class Bug:
    def __init__(self, line):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 4 or not all(parts):
            raise Wrong(f"bugs.txt: four columns are wanted: {line!r}")
        self.name, self.origin, self.what, invariants = parts
        self.invariants = invariants.split()
        self.patch = os.path.join(PATCHES, self.name + ".patch")
        for one in self.invariants:
            if one != "died" and not (re.fullmatch(r"I\d+", one) and 1 <= int(one[1:]) <= 27):
                raise Wrong(f"bugs.txt: {self.name}: {one} is no invariant")


def read_table():
    with open(TABLE, encoding="utf-8") as table:
        bugs = [Bug(line) for line in table if line.strip() and not line.startswith("#")]
    if len({bug.name for bug in bugs}) != len(bugs):
        raise Wrong("bugs.txt: a name stands there twice")
    return bugs


# --- only the patches ------------------------------------------------------------------------------------------------


def read_patch(patch):
    """(file, hunk) of a unified diff; a hunk is a list of its lines, each with its sign."""
    hunks, name = [], None
    with open(patch, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("+++ b/"):
                name = line[len("+++ b/"):].strip()
            elif line.startswith("@@"):
                hunks.append((name, []))
            elif hunks and line[0] in " +-" and not line.startswith("--- a/"):
                hunks[-1][1].append(line)
    return hunks


def place_hunk(text, hunk):
    """The text with the hunk in it, wherever its lines are by now: as much of what stands around them is looked for as is still as
    it was, and there must be one such place. None: there is not."""
    first = next(i for i, line in enumerate(hunk) if line[0] != " ")
    last = max(i for i, line in enumerate(hunk) if line[0] != " ")
    for around in range(max(first, len(hunk) - 1 - last), -1, -1):
        kept = hunk[max(first - around, 0):last + 1 + around]
        old = "\n" + "".join(line[1:] for line in kept if line[0] != "+")
        if old != "\n" and text.count(old) == 1:
            return text.replace(old, "\n" + "".join(line[1:] for line in kept if line[0] != "-"))
    return None


def apply(patch, folder, write=True):
    """What is wrong with the patch; "" where all went well."""
    texts = {}
    for name, hunk in read_patch(patch):
        path = os.path.join(folder, name)
        if path not in texts:
            if not os.path.isfile(path):
                return f"{name} is not there"
            with open(path, encoding="utf-8") as file:
                texts[path] = "\n" + file.read()
        texts[path] = place_hunk(texts[path], hunk)
        if texts[path] is None:
            return f"{name}: the lines of the patch are not there, or there twice:\n" + "".join(hunk)
    for path, text in texts.items() if write else ():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text[1:])
    return "" if texts else "it changes nothing"


def compile_patched(bug, build):
    """The patched sources alone, with the flags that make has for them and without code. What is wrong; "" where nothing is."""
    with tempfile.TemporaryDirectory() as folder:
        names = sorted({name for name, _ in read_patch(bug.patch)})
        for name in names:
            put(ROOT, name, folder)
        wrong = apply(bug.patch, folder)
        for name in () if wrong else names:
            target = os.path.join(build, "release", name[:-2] + ".o")
            told = subprocess.run(["make", "-s", "-n", f"BUILD={build}", "VARIANT=release", "-W", name, target], cwd=ROOT,
                                  env=own_environment(), capture_output=True, text=True)
            # The patched file stands first where its own header is looked for too.
            command = next((line for line in told.stdout.splitlines() if f" -c {name} " in line), None)
            if command is None:
                return f"make does not say how {name} is compiled: {told.stderr.strip()}"
            words = [word for word in command.split() if word not in ("-MMD", "-MP", "-c", "-o", name, target)]
            words += ["-fsyntax-only", os.path.join(folder, name)]
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
            if done.returncode != 0:
                return done.stderr.strip()[:600]
    return wrong


def check():
    build = os.environ.get("BUILD") or "build"
    bugs = read_table()
    tests = []
    with concurrent.futures.ThreadPoolExecutor(number("JOBS", os.cpu_count() or 2)) as pool:
        for bug, wrong in zip(bugs, pool.map(lambda bug: compile_patched(bug, build), bugs)):
            tests.append((f"{bug.name} applies and compiles", wrong))
    strays = sorted(set(os.listdir(PATCHES)) - {bug.name + ".patch" for bug in bugs})
    tests.append(("every patch has its row", " ".join(strays)))
    own = sum(bug.origin == "own" for bug in bugs)
    short = "" if len(bugs) - own >= LISTED_LEAST and own >= OWN_LEAST else "too few"
    tests.append((f"{len(bugs) - own} bugs of RELIABILITY.md's list and {own} others", short))
    print(f"1..{len(tests)}")
    for i, (name, wrong) in enumerate(tests, 1):
        print(f"{'not ok' if wrong else 'ok'} {i} - {name}")
        for line in wrong.splitlines():
            print(f"# {line}")
    return 1 if any(wrong for _, wrong in tests) else 0


# --- a copy ----------------------------------------------------------------------------------------------------------


def own_environment():
    """What a make that runs this tells its children is not for ours."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}


def make(folder, build, variant="release"):
    program = os.path.join(build, variant, PROGRAM)
    done = subprocess.run(["make", "-s", f"BUILD={build}", f"VARIANT={variant}", program], cwd=folder, env=own_environment(),
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise Wrong("does not build: " + (done.stderr or done.stdout).strip()[-600:])
    return program if os.path.isabs(program) else os.path.join(folder, program)


def put(origin, name, to, as_name=None):
    """With its time stamp, so that make builds anew what the patch touches and nothing else."""
    target = os.path.join(to, as_name or name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(os.path.join(origin, name), target)


def copy(build, folder):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, check=True).stdout.decode()
    shutil.rmtree(folder, ignore_errors=True)
    for name in filter(None, listed.split("\0")):
        if os.path.isfile(os.path.join(ROOT, name)):
            put(ROOT, name, folder)
    built = os.path.join(ROOT, build, "release")
    for part in OBJECTS:
        for name in sorted(os.listdir(os.path.join(built, part))):
            if name.endswith((".o", ".d")):
                put(built, os.path.join(part, name), folder, os.path.join("build/release", part, name))
    for name in os.listdir(built):
        if name.endswith(".a"):
            put(built, name, folder, os.path.join("build/release", name))


# --- a hunt ----------------------------------------------------------------------------------------------------------


class Hunt:
    """One run of the program: count of seeds until it caught something (None: it did not), by what, in which words."""

    def __init__(self, program, folder, start):
        seeds = number("BUG_SEEDS", 2000)
        self.count, self.by, self.words = None, None, ""
        self.program, self.folder = program, os.path.join(folder, f"from-{start}")
        os.makedirs(self.folder, exist_ok=True)
        status, text = self.run(start, seeds)
        found = min(FOUND.finditer(text), key=lambda one: int(one[1]), default=None)
        if found:
            self.count, self.by, self.words = int(found[1]) - start + 1, found[2], found[3]
        elif status is None:
            self.words = "no end in time"
        elif REPORTED.search(text):
            # What was never met proves nothing against the code, but says where to look.
            self.words = ", ".join("never met: " + one for one in UNMET.findall(text))
        elif status != 0:
            self.count, self.by, self.words = self.narrow(start, seeds), "died", f"exit {status}: " + last_line(text)

    def run(self, start, seeds):
        environment = dict(os.environ, SEEDS=str(seeds), FROM=str(start), STOP_AT="1", SHRINK="0", WORKERS="1", FOLDER=self.folder)
        for name in ("SEED", "SECONDS", "RESUME"):
            environment.pop(name, None)
        try:
            done = subprocess.run([self.program], cwd=self.folder, env=environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, timeout=number("BUG_SECONDS", 3600))
        except subprocess.TimeoutExpired:
            return None, ""
        return done.returncode, done.stdout.decode(errors="replace")

    def narrow(self, start, seeds):
        """It died and did not say of which seed: how many does it take?"""
        lives, dies = 0, 1
        while dies < seeds and self.run(start, dies)[0] == 0:
            lives, dies = dies, min(2 * dies, seeds)
        while dies - lives > 1:
            middle = (lives + dies) // 2
            if self.run(start, middle)[0] == 0:
                lives = middle
            else:
                dies = middle
        return dies


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def starts():
    return [number("FROM", 1) + i * STEP for i in range(number("BUG_STARTS", 3))]


def hunt_all(program, folder):
    """From each start, until so many caught nothing that the rest can't change that."""
    hunts = []
    for start in starts():
        if sum(hunt.count is None for hunt in hunts) * 2 < len(starts()):
            hunts.append(Hunt(program, folder, start))
    return hunts


def hunt_bug(bug, build):
    """The three hunts; a text instead, where there was no hunt."""
    folder = os.path.join(ROOT, build, "bugs", bug.name)
    try:
        copy(build, folder)
        wrong = apply(bug.patch, folder)
        if wrong:
            raise Wrong("does not apply: " + wrong)
        program = make(folder, "build")
        return hunt_all(program, folder)
    except (Wrong, OSError, subprocess.CalledProcessError) as failure:
        return str(failure)
    finally:
        if os.environ.get("KEEP") != "1":
            shutil.rmtree(folder, ignore_errors=True)


# --- what came of it -------------------------------------------------------------------------------------------------


class Result:
    def __init__(self, bug, hunts):
        self.bug = bug
        self.trouble = hunts if isinstance(hunts, str) else ""
        self.hunts = [] if self.trouble else hunts
        caught = [hunt for hunt in self.hunts if hunt.count is not None]
        self.caught = len(caught)
        self.ok = self.caught * 2 > len(starts())
        self.by = sorted({hunt.by for hunt in caught}, key=lambda by: (-sum(hunt.by == by for hunt in caught), by))
        # A start from which nothing was caught counts as later than all others.
        counts = [hunt.count if hunt.count is not None else float("inf") for hunt in self.hunts]
        self.median = int(statistics.median(counts)) if self.ok else None

    def line(self):
        if self.trouble:
            return f"{self.bug.name} is caught"
        if not self.ok:
            return f"{self.bug.name} is caught ({self.caught} of {len(self.hunts)} hunts)"
        most = "" if self.caught == len(self.hunts) else f", {self.caught} of {len(self.hunts)} hunts"
        return f"{self.bug.name} is caught ({', '.join(self.by)}, median {self.median} seeds{most})"

    def notes(self):
        if self.trouble:
            return self.trouble.splitlines()
        notes = [hunt.words for hunt in self.hunts if hunt.count is None and hunt.words]
        others = [by for by in self.by if by not in self.bug.invariants]
        if others:
            words = next(hunt.words for hunt in self.hunts if hunt.by == others[0])
            notes.append(f"by {', '.join(others)}, where {' or '.join(self.bug.invariants)} was thought of: {words}")
        return notes

    def row(self):
        by, median = (", ".join(self.by), self.median) if self.ok else ("**not caught**", "")
        return f"| {self.bug.name} | {self.bug.origin} | {self.bug.what} | {by} | {median} |"


def write_table(results, build):
    lines = [f"| bug | of | what it does | caught by | seeds (median of {len(starts())}) |", "|---|---|---|---|---|"]
    lines += [result.row() for result in results]
    medians = [result.median for result in results if result.ok]
    if medians:
        lines += ["", f"{len(medians)} of {len(results)} caught; half of them within {int(statistics.median(medians))} seeds, "
                      f"all of them within {max(medians)}."]
    folder = os.path.join(ROOT, build, "bugs")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "table.md"), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    print("\n" + "\n".join(lines), flush=True)


def hunt(names):
    build = os.environ.get("BUILD") or "build"
    bugs = read_table()
    unknown = set(names) - {bug.name for bug in bugs}
    if unknown:
        raise Wrong(f"no such bug: {' '.join(sorted(unknown))}")
    chosen = [bug for bug in bugs if not names or bug.name in names]
    survivors = [] if names else starts()
    program = make(ROOT, build)
    print(f"1..{len(survivors) + len(chosen)}", flush=True)
    good, results = True, []
    with concurrent.futures.ThreadPoolExecutor(number("JOBS", os.cpu_count() or 2)) as pool:
        folder = os.path.join(ROOT, build, "bugs", "as-it-stands")
        sound = [pool.submit(Hunt, program, folder, start) for start in survivors]
        hunts = [pool.submit(hunt_bug, bug, build) for bug in chosen]
        for i, (start, future) in enumerate(zip(survivors, sound), 1):
            one = future.result()
            lived = one.count is None and one.words != "no end in time"
            good = good and lived
            print(f"{'ok' if lived else 'not ok'} {i} - the code as it stands survives the seeds from {start}", flush=True)
            if one.words:
                print(f"# {one.by or ''} {one.words}".rstrip(), flush=True)
        for i, (bug, future) in enumerate(zip(chosen, hunts), len(survivors) + 1):
            result = Result(bug, future.result())
            results.append(result)
            good = good and result.ok
            print(f"{'ok' if result.ok else 'not ok'} {i} - {result.line()}", flush=True)
            for note in result.notes():
                print(f"# {note}", flush=True)
    write_table(results, build)
    return 0 if good else 1


def main():
    names = sys.argv[1:]
    if names[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    try:
        return check() if names == ["--check"] else hunt(names)
    except Wrong as failure:
        print(f"Bail out! {failure}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
