#!/usr/bin/python3
"""Stopping a centre: what it has been given it finishes, in whatever moment it is asked to stop."""
import signal
import sqlite3
import time

from doorstep_e2e import PATIENCE_S, promise, run_all

PATIENT = "00000000-0000-4000-8000-0000000000aa"


@promise("a centre that is stopped while a request waits for the database takes it, and ends as it should")
def _(world):
    centre = world.centre()
    tablet = world.tablet(centre, "ana")
    tablet("sync")
    tablet.sql(f"INSERT INTO patient(id, name) VALUES('{PATIENT}', 'Zoë')")
    other = sqlite3.connect(centre.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sync = tablet.begin("sync")
    time.sleep(1)  # the request is at the centre now, and waits for the other program
    centre.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    other.execute("ROLLBACK")
    other.close()
    assert centre.process.wait(PATIENCE_S) == 0, centre.log()
    assert not (centre.folder / "running").exists()
    sync.communicate(timeout=PATIENCE_S)
    assert centre.json("patients")[0]["id"] == PATIENT
    centre.start()
    tablet("sync")
    assert tablet.json("status")["pending"] == "0"
    assert centre.stop() == 0


if __name__ == "__main__":
    run_all()
