#!/usr/bin/python3
"""The demo plays what it says: altered input alters its record, its commands can be repeated, nothing is left running."""
import csv
import os
import pathlib
import re
import socket
import sys
import time

from doorstep_e2e import BUILD, ROOT, Skip, promise, run_all

sys.path.insert(0, str(ROOT / "tests" / "demo"))
import sample  # noqa: E402

SHARED = pathlib.Path(os.environ.get("DOORSTEP_SHARED", ROOT.parent / "shared"))
NOTES = SHARED / "data" / "notes" / "mts-dialog-notes.csv"
MARK = "The zebra finch in the hall sang all the while."
DEMO_S_MAX = 120


def play(world, shared, notes=None):
    """Play it to the end; what it printed, its folder, the seconds it took."""
    folder = world.folder / f"demo{len(list(world.folder.glob('demo*')))}"
    extra = {"DOORSTEP_BUILD": BUILD, "DOORSTEP_SHARED": shared, "DOORSTEP_DEMO": folder}
    if notes is not None:
        extra["DOORSTEP_DEMO_NOTES"] = notes
    began = time.monotonic()
    result = world.run([sys.executable, ROOT / "tests" / "demo" / "demo.py"], extra=extra, patience_s=2 * DEMO_S_MAX)
    return result.out, folder, time.monotonic() - began


def again(world, folder, command):
    """Repeat a printed command as the demo says that anybody can."""
    return world.run(["bash", "-c", f"cd {folder} && . ./env.sh && {command}"]).out


def words(text):
    return " ".join(text.split())


def write_notes(path, texts):
    with open(path, "w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["id", "section", "text"])
        rows.writerows([number, "GENHX", text] for number, text in enumerate(texts))
    return path


def long_enough(text):
    return text + " Nothing else was found to be different from what was written down at the visit before this one." * 2


@promise("without the real data the demo says so and plays to the end on the built-in set")
def _(world):
    out, folder, _ = play(world, world.folder / "nowhere")
    assert f"the real data is absent (looked for in {world.folder}/nowhere/data)" in words(out), out
    assert "on the built-in set ==" in out, out
    for name in ("centre/agency.db", "ana/replica.db", "ben/replica.db"):
        assert (folder / name).exists(), name


@promise("a note that is altered in the input is altered in the demo's merged record, and in no other way")
def _(world):
    texts = [long_enough(text) for text in sample.NOTES]
    altered = [f"{texts[0]} {MARK}", *texts[1:]]
    shown = []
    for number, notes in enumerate((texts, altered)):
        _, folder, _ = play(world, world.folder / "nowhere", write_notes(world.folder / f"{number}.csv", notes))
        shown.append(again(world, folder, "doorstepd show note/$NOTE --json"))
    assert MARK not in shown[0] and MARK in shown[1], shown
    assert texts[0] in shown[0] and texts[0] in shown[1], shown


@promise("what the demo shows of the centre is what the printed command answers to anybody afterwards")
def _(world):
    out, folder, _ = play(world, world.folder / "nowhere")
    for command in ("doorstepd history medication/$MEDICATION | tail -12", "doorstepd show plan/$PLAN",
                    "doorstep verify --home ana", "doorstepd history task/$TASK | tail -10"):
        assert f"$ {command}\n" in out, command
        assert words(again(world, folder, command)) in words(out), command


@promise("when the demo has ended, its centre has too")
def _(world):
    out, _, _ = play(world, world.folder / "nowhere")
    port = int(re.search(r"Serving .* at https://127\.0\.0\.1:(\d+)", out).group(1))
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "it is still served"


@promise("on the real data the demo takes less than two minutes and shows an altered note of the corpus merged")
def _(world):
    if not NOTES.exists() or not list((SHARED / "data" / "fhir").glob("*.json.gz")):
        raise Skip(str(SHARED / "data"))
    with open(NOTES, newline="", encoding="utf-8") as source:
        texts = [row["text"] for row in csv.DictReader(source)]
    first = next(number for number, text in enumerate(texts) if 120 < len(text.strip()) < 500)
    texts[first] = f"{texts[first][:300]} {MARK}"
    out, _, seconds = play(world, SHARED, write_notes(world.folder / "altered.csv", texts))
    assert MARK in words(out).split("== 6. At the centre")[1], out
    assert "42 files" in out and "the real data is absent" not in out, out
    assert seconds < DEMO_S_MAX, seconds


if __name__ == "__main__":
    run_all()
