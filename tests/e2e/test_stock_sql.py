#!/usr/bin/python3
"""Every form of statement, run by the stock sqlite3 binary on a replica: what it leaves in the bookkeeping, exactly.

Expected rows are worked out by hand: "1 s10 2-2" is group 1, base sequence 10, first and last edit.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from doorstep_e2e import helper

P = "'00000000-0000-4000-8000-0000000000aa'"
Q = "'00000000-0000-4000-8000-0000000000bb'"
T = "'00000000-0000-4000-8000-000000000001'"
N = "'00000000-0000-4000-8000-000000000002'"

# As the centre would have sent it: one task at sequence 10, row version 1.
GIVEN = f"""PRAGMA foreign_keys=ON; BEGIN; INSERT INTO ds_applying VALUES(1);
INSERT INTO task(id,patient,title,notes,version) VALUES({T},{P},'Call','Old',1);
INSERT INTO ds_version VALUES(8,{T},-1,10); UPDATE ds_state SET edit=1; DELETE FROM ds_applying; COMMIT;"""

DUMP = """SELECT coalesce(group_concat(what,', '),'') FROM (SELECT grp||' '||coalesce('s'||base_seq,'n'||base_n,'-')||' '||
edit_first||'-'||edit_last AS what FROM ds_dirty ORDER BY edit_first,kind,id,grp)"""

# Groups of a task: 1 title, 2 goal, 3 owner, 4 due, 7 priority, 8 status, 12 notes.
DELETED = "0 s10 2-2, 1 s10 2-2, 2 s10 2-2, 3 s10 2-2, 4 s10 2-2, 7 s10 2-2, 8 s10 2-2, 12 s10 2-2"
ROW = f"{T},{P},'New','Old'"
COLUMNS = "id,patient,title,notes"
FORMS = [
    ("UPDATE", f"UPDATE task SET title='New' WHERE id={T}", "1 s10 2-2"),
    ("UPDATE of one field of a group", f"UPDATE task SET due_to=5 WHERE id={T}", "4 s10 2-2"),
    ("UPDATE of rows", "UPDATE task SET title=title||'!', status='done'", "1 s10 2-2, 8 s10 2-2"),
    ("UPDATE to the same value", "UPDATE task SET title='Call'", ""),
    ("UPDATE OR REPLACE", "UPDATE OR REPLACE task SET title='New'", "1 s10 2-2"),
    ("UPDATE OR IGNORE", "UPDATE OR IGNORE task SET title='New'", "1 s10 2-2"),
    ("UPDATE OR FAIL", "UPDATE OR FAIL task SET title='New'", "1 s10 2-2"),
    ("UPDATE OR ROLLBACK", "UPDATE OR ROLLBACK task SET title='New'", "1 s10 2-2"),
    ("UPDATE FROM", "UPDATE task SET title=x.y FROM (SELECT 'New' AS y) AS x", "1 s10 2-2"),
    ("UPDATE RETURNING", "UPDATE task SET title='New' RETURNING id", "1 s10 2-2"),
    ("INSERT", f"INSERT INTO task({COLUMNS}) VALUES({N},{P},'New',NULL)", "-1 - 2-2"),
    ("INSERT without an id", f"INSERT INTO task(patient,title) VALUES({P},'New')", "-1 - 2-2"),
    ("INSERT of rows", f"INSERT INTO task(patient,title) VALUES({P},'a'),({P},'b')", "-1 - 2-2, -1 - 3-3"),
    ("INSERT SELECT", f"INSERT INTO task(patient,title) SELECT patient,title FROM task", "-1 - 2-2"),
    ("INSERT RETURNING", f"INSERT INTO task(patient,title) VALUES({P},'New') RETURNING id", "-1 - 2-2"),
    ("INSERT OR IGNORE, new", f"INSERT OR IGNORE INTO task({COLUMNS}) VALUES({N},{P},'New',NULL)", "-1 - 2-2"),
    ("INSERT OR IGNORE, there", f"INSERT OR IGNORE INTO task({COLUMNS}) VALUES({ROW})", ""),
    ("a common table expression", f"WITH c(t) AS (SELECT 'New') INSERT INTO task(patient,title) SELECT {P},t FROM c",
     "-1 - 2-2"),
    ("REPLACE", f"REPLACE INTO task({COLUMNS}) VALUES({ROW})", "1 s10 2-2"),
    ("REPLACE twice", f"REPLACE INTO task({COLUMNS}) VALUES({ROW}); REPLACE INTO task({COLUMNS}) VALUES({T},{P},'Newer','Old')",
     "1 s10 2-3"),
    ("REPLACE with recursive triggers", f"PRAGMA recursive_triggers=ON; REPLACE INTO task({COLUMNS}) VALUES({ROW})",
     "1 s10 2-3"),
    ("REPLACE, new", f"REPLACE INTO task({COLUMNS}) VALUES({N},{P},'New',NULL)", "-1 - 2-2"),
    ("upsert that updates",
     f"INSERT INTO task({COLUMNS}) VALUES({ROW}) ON CONFLICT(id) DO UPDATE SET title=excluded.title", "1 s10 2-2"),
    ("upsert that does nothing", f"INSERT INTO task({COLUMNS}) VALUES({ROW}) ON CONFLICT DO NOTHING", ""),
    ("DELETE", f"DELETE FROM task WHERE id={T}", DELETED),
    ("DELETE without WHERE", "DELETE FROM task", DELETED),
    ("DELETE RETURNING", "DELETE FROM task RETURNING id", DELETED),
    ("DELETE, then INSERT", f"DELETE FROM task; INSERT INTO task({COLUMNS}) VALUES({ROW})", "1 s10 2-3"),
    ("BEGIN and ROLLBACK", "BEGIN; UPDATE task SET title='New'; DELETE FROM task; ROLLBACK", ""),
    ("BEGIN and COMMIT", "BEGIN; UPDATE task SET title='New'; UPDATE task SET notes='New'; COMMIT",
     "1 s10 2-2, 12 s10 3-3"),
]

REFUSED = [
    f"UPDATE task SET id={N}",
    f"UPDATE OR REPLACE task SET patient={Q}",
    f"REPLACE INTO task({COLUMNS}) VALUES({T},{Q},'New','Old')",
    "UPDATE task SET version=9",
    "INSERT INTO worker(name) VALUES('Eve')",
    f"REPLACE INTO assignment(patient,worker) VALUES({P},{N})",
    f"INSERT INTO conflict(patient,decision) VALUES({P},'x')",
]


def sqlite(path, sql):
    """The stock binary as people call it. The words of what it refused are in its error."""
    return subprocess.run(["sqlite3", "-bail", str(path), sql], capture_output=True, text=True, timeout=60, check=False)


class Tap:
    def __init__(self):
        self.count = 0
        self.bad = 0

    def check(self, good, name, why=""):
        self.count += 1
        self.bad += not good
        print(("ok" if good else "not ok"), self.count, "-", name)
        if not good:
            print("#", why.replace("\n", "\n# "))


def run_form(tap, path, name, sql, expected):
    done = sqlite(path, sql)
    found = sqlite(path, DUMP).stdout.strip()
    tap.check(done.returncode == 0 and found == expected, f"{name} is noticed by itself and exactly",
              f"{sql}\n{done.stderr}\nexpected {expected}\nfound    {found}")


def run_refused(tap, path, sql):
    done = sqlite(path, sql)
    found = sqlite(path, DUMP).stdout.strip()
    tap.check(done.returncode != 0 and "Nothing was changed." in done.stderr and found == "",
              f"refused with a next step: {sql.split('(')[0].strip()}", f"{sql}\n{done.stderr}\n{found}")


def run_at_once(tap, path):
    """Four programs write at the same time; each waits for the others and every edit is numbered once."""
    sql = ".timeout 30000\n" + "".join(f"INSERT INTO task(patient,title) VALUES({P},'n');\n" for _ in range(25))
    programs = [subprocess.Popen(["sqlite3", "-bail", str(path)], stdin=subprocess.PIPE, text=True) for _ in range(4)]
    for program in programs:
        program.stdin.write(sql)
        program.stdin.close()
    codes = [program.wait(timeout=120) for program in programs]
    found = sqlite(path, "SELECT count(*)||' '||count(DISTINCT edit_last)||' '||max(edit_last) FROM ds_dirty").stdout.strip()
    tap.check(codes == [0] * 4 and found == "100 100 101", "what four programs write at once is noticed", f"{codes} {found}")


def main():
    maker = helper("make_replica")
    if shutil.which("sqlite3") is None or not maker.exists():
        print("1..0 # SKIP no sqlite3 binary, or no", maker)
        return 0
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        empty = pathlib.Path(folder) / "empty.db"
        subprocess.run([str(maker), str(empty)], check=True)
        done = sqlite(empty, GIVEN)
        tap.check(done.returncode == 0, "a replica opens in the stock binary", done.stderr)
        sqlite(empty, "PRAGMA wal_checkpoint(TRUNCATE)")
        path = pathlib.Path(folder) / "replica.db"

        def fresh():
            for suffix in ("", "-wal", "-shm"):
                pathlib.Path(str(path) + suffix).unlink(missing_ok=True)
            shutil.copy(empty, path)
            return path

        for name, sql, expected in FORMS:
            run_form(tap, fresh(), name, sql, expected)
        for sql in REFUSED:
            run_refused(tap, fresh(), sql)
        run_at_once(tap, fresh())
        done = sqlite(fresh(), "UPDATE task SET title='New'; SELECT kind,what FROM outbox; SELECT title FROM task_text;")
        tap.check(done.stdout == "task|Saved on this tablet\nNew\n", "the outbox and the views can be read", done.stdout)
    print(f"1..{tap.count}")
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
