#!/usr/bin/python3
"""The README's five minutes, run as they are written: its blocks of commands, in one shell, in a new folder.

Three things stand in for what a test may not do: `make` (the programs are there), port 8443 (a free one is taken), and
the pause in which a person starts the centre and sees that it serves.
"""
import os
import re
import signal
import socket

from doorstep_e2e import BUILD, ROOT, promise, run_all, wait_until

README = (ROOT / "README.md").read_text(encoding="utf-8")
AWAIT = """
centre_pid=$!
echo $centre_pid >centre.pid
for i in $(seq 600); do [ -s try/centre/port ] && break; sleep 0.1; done
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def script():
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.M | re.S)
    assert len(blocks) >= 5, "the README has lost its commands"
    text = "\n".join(blocks)
    assert text.count("\nmake\n") + text.startswith("make\n") == 1 and "8443 &\n" in text, text
    text = re.sub(r"^make$", "", text, flags=re.M).replace("$PWD/build:", f"{BUILD}:")
    text = text.replace("8443 &\n", "8443 &" + AWAIT).replace("8443", str(free_port()))
    return "set -e\n" + text


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end_centre(world):
    """The centre that the script left behind, by the number that the script wrote down."""
    file = world.folder / "centre.pid"
    if file.exists():
        pid = int(file.read_text(encoding="ascii"))
        if alive(pid):
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not alive(pid), "the centre ends")


@promise("the README's commands lead from nothing to a resolved conflict")
def _(world):
    (world.folder / "script.sh").write_text(script() + "\necho MEDICATION=$MEDICATION\n", encoding="utf-8")
    with open(world.folder / "out", "wb") as out:
        shell = world.spawn(["bash", "script.sh"], stdout=out, stderr=out, cwd=world.folder)
    try:
        code = shell.wait(120)
        said = (world.folder / "out").read_text(encoding="utf-8")
        assert code == 0, said
        centre = [BUILD / "doorstepd", "--data", world.folder / "try" / "centre"]
        assert world.run([centre[0], "conflicts", "--open", "--json", *centre[1:]]).json() == [], said
        medication = re.search(r"^MEDICATION=(\S+)$", said, re.M).group(1)
        record = world.run([centre[0], "show", f"medication/{medication}", "--json", *centre[1:]]).json()
        assert record["dose"] == "2.5", record
        on_ana = world.run([BUILD / "doorstep", "show", f"medication/{medication}", "--json", "--home",
                            world.folder / "try" / "ana"]).json()
        assert on_ana["dose"] == "2.5" and on_ana["travel"] == "Received", on_ana
    finally:
        end_centre(world)


@promise("every command and option that the README names exists")
def _(world):
    for program in ("doorstep", "doorstepd"):
        known = world.run([BUILD / program, "--help"]).out
        named = set(re.findall(rf"(?:^|[`(| ]){program} ([a-z]+(?: (?:add|list|code|fhir|plan))?)\b", README, re.M))
        assert len(named) >= 5, named
        for command in named:
            assert re.search(rf"^  {command}\b", known, re.M), f"{program} {command}"


if __name__ == "__main__":
    run_all()
