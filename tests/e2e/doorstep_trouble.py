"""Every bad input has its answer: packaging/troubleshooting.md says which, and these tests hold the programs to it.

    from doorstep_trouble import Ground, answers, run_rows

    @answers("a code that can't be used is refused")
    def _(world, say):
        ground = Ground(world)
        say("a code mistyped", ground.ana, "enrol", ground.centre.url, "-", text="abc\n")

A row of the page is named by its first column. `say` runs the command as people do and as programs do, and holds exit
code, the one line on stderr and the three parts against the row's text, in which … stands for whatever it is there. A test
must use each row that names it, and every row names a test of the module it stands for.
"""
import contextlib
import http.server
import json
import re
import ssl
import subprocess
import sys
import threading

from doorstep_e2e import ROOT, Centre, Skip, Tablet, promise, run_all, wait_until
from doorstep_proof import check_whole, records
from doorstep_relay import ENVELOPE, Relay

PAGE = ROOT / "packaging/troubleshooting.md"
PATIENT = "Zoë Quellmann"
PRIVATE = ("Quellmann", "Zoë", "Denies pain")
ANYTHING = "…"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SEEN = set()


class Row:
    def __init__(self, section, cells):
        self.section, self.name, self.test = section, cells[0], cells[2]
        self.parts = [part.strip() for part in cells[1].split("<br>")]
        assert len(self.parts) == 3 and all(self.parts), f"{self.name}: what happened, what is safe, what next"


def rows():
    """{name: Row}: the tables of the page."""
    found, section = {}, ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[0] not in ("What goes wrong", "---"):
            row = Row(section, cells)
            assert row.name not in found, f"two rows are called {row.name!r}"
            found[row.name] = row
    return found


ROWS = rows()


def fits(text, said):
    """Is this what the page says?"""
    return re.fullmatch(".*".join(re.escape(piece) for piece in text.split(ANYTHING)), said, re.DOTALL) is not None


def lines_of(result):
    """What was said on standard error, without the log of what runs until it is told to stop."""
    log = any(word in ("serve", "run") for word in result.words)
    return [line for line in result.err.splitlines() if not (log and re.match(r"\d{4}-\d\d-\d\dT\S+ \w+ ", line))]


class Say:
    """Holds what programs say against the rows of one test."""

    def __init__(self, sentence):
        self.sentence, self.used = sentence, set()
        self.private = list(PRIVATE)

    def row(self, name):
        row = ROWS[name]
        assert row.test == self.sentence, f"the row {name!r} names another test: {row.test}"
        self.used.add(name)
        return row

    def parts(self, name, failure):
        """{what, safe, next} against the row."""
        row = self.row(name)
        said = [failure[part] for part in ("what", "safe", "next")]
        assert all(fits(*pair) for pair in zip(row.parts, said)), f"{name}: {said}, the page has {row.parts}"
        self.nothing_private(name, " ".join(said))

    def line(self, name, result, code=1):
        """A command that has ended: its code and its one line."""
        row = self.row(name)
        assert result.code == code, f"{name}: {result!r}"
        lines = lines_of(result)
        assert len(lines) == 1, f"{name}: {lines}"
        assert fits(" ".join(row.parts), lines[0]), f"{name}: {lines[0]!r}, the page has {row.parts}"
        self.nothing_private(name, lines[0])

    def nothing_private(self, name, said):
        for secret in self.private:
            assert secret not in said, f"{name}: {said!r} tells {secret!r}"

    def __call__(self, name, program, *words, code=1, **options):
        """Run it for people, then for programs; both fail alike."""
        self.line(name, program(*words, code=None, **options), code)
        self.json(name, program, *words, code=code, **options)

    def json(self, name, program, *words, code=1, **options):
        lines = lines_of(program(*words, "--json", code=code, **options))
        assert len(lines) == 1, f"{name}: {lines}"
        self.parts(name, json.loads(lines[0]))


def answers(sentence):
    """Registers a test that must use every row of the page that names it."""

    def register(test):
        def whole(world):
            say = Say(sentence)
            test(world, say)
            left = {row.name for row in ROWS.values() if row.test == sentence} - say.used
            assert not left, f"rows that no line of this test holds: {sorted(left)}"

        SEEN.add(sentence)
        promise(sentence)(whole)
        return whole

    return register


def run_rows(*sections):
    """The end of a test program that holds these sections of the page."""

    @promise(f"every row of {' and '.join(sections)} names a test that exists, and every test has its rows")
    def _(_world):
        named = {row.test for row in ROWS.values() if row.section in sections}
        assert named == SEEN, (sorted(named - SEEN), sorted(SEEN - named))

    run_all()


def other_secret(code):
    """A code of the same centre that nobody made: the first half is the secret, the second the centre."""
    plain = code.replace("-", "")
    turned = "".join(ALPHABET[(ALPHABET.index(c) + 7) % 32] for c in plain[:16])
    return turned + plain[16:]


def noise(count, seed=0):
    """Text that deflates badly, the same each time."""
    state, out = seed + 1, []
    for _ in range(count):
        state = state * 6364136223846793005 + 1442695040888963407 & 0xFFFFFFFFFFFFFFFF
        out.append(ALPHABET[state >> 59])
    return "".join(out)


# --- what there is to lose ------------------------------------------------------------------------------------------


class Ground:
    """A centre and ana's tablet with a patient that both know, and work of hers that was not sent yet."""

    def __init__(self, world, tablet=None, centre=None):
        self.world, self.centre = world, centre or world.centre()
        self.patient = self.centre.json("patient", "add", "--name", "-", text=PATIENT + "\n")["id"]
        self.ana = tablet or Tablet(world, world.folder / "tablet-ana")
        self.centre("user", "add", "ana", "--name", "Ana", "--role", "care-manager")
        self.centre("user", "add", "sue", "--name", "Sue Lind", "--role", "supervisor")
        self.ana.enrol(self.centre.url, self.centre.code("ana"))
        self.centre("assign", "--user", "ana", "--patient", self.patient)
        self.ana("sync")
        self.task = self.ana.json("task", "add", "-", "--patient", self.patient, text="Call\n")["id"]
        self.written = 0

    def write(self):
        """One more change that waits to be sent."""
        self.written += 1
        self.ana("set", f"patient/{self.patient}", f"phone=555-{self.written}")

    def state(self):
        """What a failure must leave: every record, and how much waits."""
        return records(self.ana), self.ana.json("status")["pending"]

    @contextlib.contextmanager
    def unharmed(self):
        before = self.state()
        assert int(before[1]) > 0
        yield
        assert self.state() == before

    def mended(self):
        """The trouble is over: everything arrives, and nothing was lost on the way."""
        self.write()
        mine = records(self.ana)
        report = self.ana.json("sync")
        assert report["pending"] == "0" and report["held"] == "0", report
        there = records(self.centre)
        assert all(there.get(key) == row for key, row in mine.items()), "the centre has something else"
        check_whole(self.ana)
        check_whole(self.centre)


def set_url(tablet, url):
    tablet.sql(f"UPDATE ds_meta SET value = CAST('{url}' AS BLOB) WHERE key = 'url'")


class Front:
    """A machine before the centre, with the centre's certificate or another one: it answers as told, or passes on.

    reply: (status, headers, body) instead of the centre's answer, or a function of the request's body that returns
    such a thing or None; None = pass on.
    """

    def __init__(self, centre, keys=None):
        self.relay, self.reply, self.requests = Relay(centre), None, 0
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                front.answer(self, Relay.body(self))

            def do_GET(self):
                front.answer(self, b"")

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        keys = keys or centre.folder / "keys"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "centre.pem", keys / "centre.key")
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.http.server_address[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.relay.__exit__()
        self.http.shutdown()
        self.http.server_close()

    def answer(self, handler, body):
        self.requests += 1
        reply = self.reply(body) if callable(self.reply) else self.reply
        code, headers, answer = reply or (200, {"Content-Type": ENVELOPE}, self.relay.ask(body))
        handler.send_response(code)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(answer)


# --- a disk of its own ----------------------------------------------------------------------------------------------


class Disk:
    """A small file system that only this test sees: a tmpfs in a user and mount namespace of its own."""

    def __init__(self, world, size="4m"):
        self.folder = world.folder / "disk"
        self.folder.mkdir()
        try:
            self.holder = world.spawn(
                ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o size="$1" tmpfs "$0" && echo ready && exec sleep 600',
                 self.folder, size], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        except OSError as error:
            raise Skip(f"a file system of its own: {error}") from error
        if self.holder.stdout.readline() != "ready\n":
            raise Skip(f"a file system of its own is not permitted: {self.holder.stderr.read().strip()}")
        self.world = world

    @property
    def inside(self):
        return ["nsenter", "--preserve-credentials", "-U", "-m", "-t", str(self.holder.pid)]

    def run(self, *words, **options):
        return self.world.run([*self.inside, *words], **options)

    def fill(self, leave=0, database=None):
        """No room but this many KiB; nor in the database's log, where what was moved into the database leaves some."""
        if database is not None:
            self.run("sqlite3", "-cmd", ".timeout 5000", database, "PRAGMA wal_checkpoint(TRUNCATE)")
        script = ('head -c 1G /dev/zero > "$0/ballast" 2>/dev/null; size=$(stat -c %s "$0/ballast");'
                  ' truncate -s $((size - 1024 * $1)) "$0/ballast"')
        self.run("sh", "-c", script, self.folder, leave)

    def clear(self):
        self.run("rm", "-f", self.folder / "ballast")

    def remount(self, how):
        self.run("mount", "-o", f"remount,{how}", self.folder)


READER = """import json, sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True, timeout=30, isolation_level=None)
db.execute("BEGIN")
for line in sys.stdin:
    statement, values = json.loads(line)
    print(json.dumps([[v.hex() if isinstance(v, bytes) else v for v in row] for row in db.execute(statement, values)]), flush=True)
"""


class OnDisk:
    """A program whose folder is on such a disk: every process that looks at it runs inside."""

    disk = None

    def words(self, *words):
        return [*self.disk.inside, *super().words(*words)]

    @contextlib.contextmanager
    def reading(self):
        process = subprocess.Popen([*self.disk.inside, sys.executable, "-c", READER, str(self.database)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

        def read(statement, *values):
            process.stdin.write(json.dumps([statement, values]) + "\n")
            process.stdin.flush()
            return [tuple(row) for row in json.loads(process.stdout.readline())]

        try:
            yield read
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()


class DiskTablet(OnDisk, Tablet):
    def __init__(self, disk, world):
        super().__init__(world, disk.folder / "tablet")
        self.disk = disk

    def sql(self, statement, code=0, timeout_ms=5000):
        return self.disk.run("sqlite3", "-cmd", f".timeout {timeout_ms}", self.replica, statement, code=code).out


class DiskCentre(OnDisk, Centre):
    """Its port and log are looked at from outside, so they are asked for through the disk."""

    def __init__(self, disk, world):
        super().__init__(world, disk.folder / "centre")
        self.disk = disk

    def start(self, extra=None):
        log = open(self.world.folder / "serve.log", "ab")  # closed with the process
        self.process = self.world.spawn(self.words("serve", "--listen", f"127.0.0.1:{self.port}"), extra, stdout=log,
                                        stderr=log)
        log.close()
        self.port = int(wait_until(lambda: self.disk.run("cat", self.folder / "port", code=None).out.strip(),
                                   "the centre says where it listens"))

    def log(self):
        return (self.world.folder / "serve.log").read_text(encoding="utf-8", errors="replace")
