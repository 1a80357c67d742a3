"""Support for the end-to-end tests: real processes, real TLS on loopback, a network that can be made bad.

    from doorstep_e2e import World, promise, run_all

    @promise("what is said here holds")
    def _(world):
        centre = world.centre()                    # initialised and serving on a free port
        tablet = world.tablet(centre, "ana")       # a care manager with an enrolled tablet
        tablet("sync")

    if __name__ == "__main__":
        run_all()

Each test gets a World of its own: a temporary folder, and every process in it, which are ended by their ids when the
test is over, however it ends. Programs come from the folder that DOORSTEP_BUILD names (default: build).
"""
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("DOORSTEP_BUILD", ROOT / "build")).resolve()
PATIENCE_S = 60


def helper(name, folder="tests/support"):
    """A program of tests/support, of the same variant as the programs under test."""
    beside = BUILD / folder / name
    return beside if beside.exists() else BUILD / "release" / folder / name


class Skip(Exception):
    """This test can't run here; its text says why."""


class CommandFailed(AssertionError):
    """A command ended with another exit code than the test expected."""


def wait_until(condition, what, patience_s=PATIENCE_S):
    """Returns what the condition returned, once that is true; fails when patience ends."""
    end = time.monotonic() + patience_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s} s in vain: {what}")
        time.sleep(0.01)


# --- processes -------------------------------------------------------------------------------------------------------


class Result:
    """A command that has ended."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"{' '.join(map(str, self.words))}\n  exit {self.code}\n  out: {self.out}\n  err: {self.err}"


class World:
    """A temporary folder and the processes in it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="doorstep-"))
        self.processes, self.proxies = [], []
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("DOORSTEP_", "NOTIFY_"))}
        self.environment = {**keep, "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def close(self):
        for proxy in self.proxies:
            proxy.close()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr, process.stdin):
                if stream is not None:
                    stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment_with(self, extra):
        return {**self.environment, **{key: str(value) for key, value in (extra or {}).items()}}

    def spawn(self, words, extra=None, **options):
        """Start a program that runs until it is ended."""
        process = subprocess.Popen(
            [str(word) for word in words], env=self.environment_with(extra), start_new_session=True, **options
        )
        self.processes.append(process)
        return process

    def run(self, words, text=None, code=0, extra=None, patience_s=PATIENCE_S):
        """Run a program to its end. code: the exit code it must have; None = any."""
        process = subprocess.run(
            [str(word) for word in words],
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            encoding="utf-8",
            env=self.environment_with(extra),
            timeout=patience_s,
            check=False,
        )
        result = Result(words, process.returncode, process.stdout, process.stderr)
        if code is not None and result.code != code:
            raise CommandFailed(f"expected exit {code}: {result!r}")
        return result

    def centre(self, name="Test agency", start=True, folder="centre", options=()):
        """A new centre, initialised; serving, unless start is False."""
        centre = Centre(self, self.folder / folder)
        centre("init", "--name", name, "--zone", "UTC", *options)
        if start:
            centre.start()
        return centre

    def tablet(self, centre, login, url=None, new_user=True, folder=None):
        """A tablet enrolled for this care manager, by way of url where it is given."""
        tablet = Tablet(self, self.folder / (folder or f"tablet-{login}"))
        if new_user:
            centre("user", "add", login, "--name", login.title(), "--role", "care-manager")
        tablet.enrol(url or centre.url, centre.code(login))
        return tablet

    def empty_tablet(self, name):
        """A tablet that no centre knows yet."""
        return Tablet(self, self.folder / f"tablet-{name}")

    def proxy(self, port, host="127.0.0.1"):
        """A proxy in front of this port of loopback; host: which of loopback's addresses it listens at."""
        proxy = Proxy(port, host)
        self.proxies.append(proxy)
        return proxy


class Program:
    """One of our two programs with its folder."""

    name, option = None, None
    database = None

    def __init__(self, world, folder):
        self.world, self.folder = world, folder
        self.path = BUILD / self.name
        assert self.path.exists(), f"{self.path} is not built"

    def words(self, *words):
        return [self.path, *words, self.option, self.folder]

    def __call__(self, *words, **options):
        """Run a command: tablet("note", "add", "--patient", id, text="…", code=0)."""
        return self.world.run(self.words(*words), **options)

    def begin(self, *words):
        """Start a command without waiting for it; end() waits."""
        return self.world.spawn(self.words(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                                stdin=subprocess.DEVNULL)

    @staticmethod
    def end(process, code=0):
        """Wait for a command that begin() started; code as in World.run."""
        out, err = process.communicate(timeout=PATIENCE_S)
        result = Result(process.args, process.returncode, out, err)
        if code is not None and result.code != code:
            raise CommandFailed(f"expected exit {code}: {result!r}")
        return result

    @contextlib.contextmanager
    def reading(self):
        """The program's database at one moment, read by this process, which never writes to it: with tablet.reading()
        as read: rows = read("SELECT …", value)."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30, isolation_level=None)
        try:
            connection.execute("BEGIN")
            yield lambda statement, *values: connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def read(self, statement, *values):
        """Rows of the program's database."""
        with self.reading() as read:
            return read(statement, *values)

    def json(self, *words, **options):
        """Run a command with --json and return what it printed."""
        return self(*words, "--json", **options).json()

    def failure(self, *words, code=1, **options):
        """Run a command that must fail; returns its {what, safe, next}."""
        result = self(*words, "--json", code=code, **options)
        return json.loads(result.err.strip().splitlines()[-1])


class Centre(Program):
    """doorstepd with its folder."""

    name, option = "doorstepd", "--data"

    def __init__(self, world, folder):
        super().__init__(world, folder)
        self.process, self.port = None, 0
        self.database = folder / "agency.db"

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def start(self, extra=None):
        """Serve. The port stays what it was, so that tablets find a centre that was started anew."""
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        with open(self.folder / "serve.log", "ab") as log:
            self.process = self.world.spawn(
                self.words("serve", "--listen", f"127.0.0.1:{self.port}"), extra, stdout=log, stderr=log
            )

        def listening():
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode}: {self.log()}")
            return port_file.exists() and port_file.read_text(encoding="ascii").strip()

        self.port = int(wait_until(listening, "the centre says where it listens"))

    def stop(self):
        """End it in an orderly way; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log(self):
        return (self.folder / "serve.log").read_text(encoding="utf-8", errors="replace")

    def code(self, login):
        return self.json("device", "code", "--user", login)["code"]


class Tablet(Program):
    """doorstep with its folder."""

    name, option = "doorstep", "--home"

    def __init__(self, world, folder):
        super().__init__(world, folder)
        self.replica = self.database = folder / "replica.db"
        self.process = None

    def enrol(self, url, code, **options):
        """The code goes by standard input, where no other process can read it."""
        return self("enrol", url, "-", text=code + "\n", **options)

    def enrol_failure(self, url, code):
        """An enrolment that must fail; returns its {what, safe, next}."""
        return self.failure("enrol", url, "-", text=code + "\n")

    def sql(self, statement, code=0, timeout_ms=5000):
        """One statement in the stock sqlite3 program, which has no timeout by itself; rows as lists of text."""
        words = ["sqlite3", "-batch", "-noheader", "-separator", "\x1f", "-cmd", f".timeout {timeout_ms}"]
        result = self.world.run([*words, self.replica, statement], code=code)
        return [line.split("\x1f") for line in result.out.splitlines()]

    def number(self, statement):
        return int(self.sql(statement)[0][0])

    def start(self, extra=None):
        """doorstep run."""
        with open(self.folder / "run.log", "ab") as log:
            self.process = self.world.spawn(self.words("run"), extra, stdout=log, stderr=log)
        return self.process

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def log(self):
        return (self.folder / "run.log").read_text(encoding="utf-8", errors="replace")


# --- a network that can be made bad -----------------------------------------------------------------------------------


HOLD_S = 0.005
# A tablet's part of the end of a handshake is shorter, the head of a request longer.
REQUEST_MIN = 200


class Talk:
    """What a proxy can tell of a connection without its keys.

    TLS 1.3: the tablet's hello, the centre's part of the handshake; from the tablet's second turn on the end of its part
    and its requests; then answers.
    """

    def __init__(self):
        self.turns, self.way = 0, "down"
        self.said = 0      # by the tablet, from its second turn on
        self.answered = 0  # since the tablet last said something

    @property
    def asked(self):
        return self.said >= REQUEST_MIN

    def passed(self, way, count):
        if way == "up" and self.way == "down":
            self.turns += 1
            self.answered = 0
        self.way = way
        if way == "up" and self.turns >= 2:
            self.said += count
        elif way == "down" and self.asked:
            self.answered += count


class Proxy:
    """Passes bytes between a tablet and a centre, TLS untouched, and counts them.

    cut_down / cut_up = n: the next connections are cut after n bytes towards the tablet / the centre.
    stall_down = n:        after n bytes towards the tablet nothing more passes, and nothing is closed.
    cut_answer = n:        all connections are cut after n bytes of answers (what the centre says after the handshake).
    hold(n):               of answers the first n bytes pass; the rest waits, also in connections that stand
                           already, until release().
    bytes_answer:          of the longest answer.
    asking():              does a request that has reached the centre wait for its answer, or for the rest of it?
    on_bytes(way, total):  called after bytes have passed ("up" or "down"; total of this connection).
    refuse():              nobody listens any more, until listen().
    """

    def __init__(self, port, host="127.0.0.1"):
        self.target, self.host = port, host
        self.cut_down = self.cut_up = self.stall_down = self.cut_answer = self.holding = None
        self.on_bytes = None
        self.bytes_up = self.bytes_down = self.bytes_answer = self.connections = 0
        self.talks = set()
        self.port, self.listener, self.closing = 0, None, False
        self.lock, self.open = threading.Lock(), set()
        self.listen()

    @property
    def url(self):
        return f"https://{self.host}:{self.port}"

    def listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(64)
        self.port, self.listener = listener.getsockname()[1], listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def refuse(self):
        listener, self.listener = self.listener, None
        if listener is not None:
            # shutdown wakes the thread that waits in accept; close alone does not.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self):
        """Cut what is open now."""
        with self.lock:
            ends = list(self.open)
        for end in ends:
            self._hang_up(end)

    def reset(self):
        """Good again, and counting from nothing."""
        self.cut_down = self.cut_up = self.stall_down = self.cut_answer = self.holding = self.on_bytes = None
        self.bytes_up = self.bytes_down = self.bytes_answer = self.connections = 0

    def hold(self, passed=0):
        self.holding = passed

    def release(self):
        self.holding = None

    def asking(self):
        with self.lock:
            return any(talk.asked and (talk.way == "up" or talk.answered == self.holding) for talk in self.talks)

    def close(self):
        self.closing = True
        self.refuse()

    @staticmethod
    def _hang_up(end):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _accept(self, listener):
        while True:
            try:
                tablet, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._carry, args=(tablet,), daemon=True).start()

    def _carry(self, tablet):
        try:
            centre = socket.create_connection(("127.0.0.1", self.target), timeout=10)
        except OSError:
            tablet.close()
            return
        centre.settimeout(None)
        talk = Talk()
        with self.lock:
            self.open.update((tablet, centre))
            self.talks.add(talk)
        limits = {"up": self.cut_up, "down": self.cut_down}
        stall, total = self.stall_down, {"up": 0, "down": 0}
        ways = {tablet: ("up", centre), centre: ("down", tablet)}
        try:
            while True:
                holds = self.holding is not None and talk.asked and talk.answered >= self.holding
                ends, patience_s = ([tablet], HOLD_S) if holds else (list(ways), 1 if self.holding is None else HOLD_S)
                for end in select.select(ends, [], [], patience_s)[0]:
                    way, other = ways[end]
                    if not self._pass(end, other, way, total, limits[way], stall if way == "down" else None, talk):
                        return
                if self.closing:
                    return
        except (OSError, ValueError):
            return
        finally:
            with self.lock:
                self.open -= {tablet, centre}
                self.talks.discard(talk)
            for end in (tablet, centre):
                self._hang_up(end)
                end.close()

    def _pass(self, end, other, way, total, cut, stall, talk):
        """One piece. False: this connection is over."""
        bound = 65536 if cut is None else max(0, cut - total[way])
        cut_answer, holding = self.cut_answer, self.holding
        if way == "down" and talk.asked:
            if cut_answer is not None:
                bound = min(bound, max(0, cut_answer - talk.answered))
            if holding is not None and talk.answered >= holding:
                return True
            if holding is not None:
                bound = min(bound, holding - talk.answered)
        if stall is not None:
            bound = min(bound, stall - total[way])
            if bound <= 0:
                time.sleep(0.05)
                return not self.closing
        piece = end.recv(max(1, min(65536, bound)))
        if not piece or bound == 0:
            return False
        other.sendall(piece)
        total[way] += len(piece)
        talk.passed(way, len(piece))
        self.bytes_answer = max(self.bytes_answer, talk.answered)
        if way == "up":
            self.bytes_up += len(piece)
        else:
            self.bytes_down += len(piece)
        if self.on_bytes is not None:
            self.on_bytes(way, total[way])
        if way == "down" and cut_answer is not None and talk.answered >= cut_answer and talk.asked:
            return False
        return cut is None or total[way] < cut


# --- TAP ---------------------------------------------------------------------------------------------------------------

_TESTS = []


def promise(sentence):
    """Registers a test by the promise that it holds."""

    def register(test):
        _TESTS.append((sentence, test))
        return test

    return register


def _run_one(number, sentence, test):
    world = World()
    try:
        test(world)
        print(f"ok {number} - {sentence}", flush=True)
        return True
    except Skip as reason:
        print(f"ok {number} - {sentence} # SKIP {reason}", flush=True)
        return True
    except Exception as error:  # whatever it is, it is one failed test and no reason to leave out the others
        print(f"not ok {number} - {sentence}", flush=True)
        for line in f"{type(error).__name__}: {error}\n{traceback.format_exc()}".splitlines():
            print(f"# {line}", flush=True)
        return False
    finally:
        world.close()


def run_all():
    """Runs the tests (or those whose sentence holds one of the words given) and ends the program."""
    # Whoever stops a run that takes too long leaves no process and no folder behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    wanted = [test for test in _TESTS if not sys.argv[1:] or any(word in test[0] for word in sys.argv[1:])]
    print(f"1..{len(wanted)}", flush=True)
    results = [_run_one(number, *test) for number, test in enumerate(wanted, 1)]
    sys.exit(0 if all(results) else 1)
