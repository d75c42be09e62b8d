"""A stand-in for systemctl, as a program on PATH: it does, prints and refuses what the real one
does, by what systemd 252 documents."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]


class Unit(msgspec.Struct):
    """One unit."""

    active: str = "active"
    sub: str = "running"
    invocation: int = 1
    starts: int = 1
    load: str = "loaded"
    fails: bool = False
    """Its main process ends at once."""

    @property
    def id(self) -> str:
        return f"{self.invocation:032x}" if self.invocation else ""


class Machine(msgspec.Struct):
    """What the program finds when it runs."""

    units: dict[str, Unit] = {}
    booted: bool = True
    denies: bool = False
    hangs: bool = False
    """Do it, and never come back."""
    asked: list[str] = []


def install(folder: Path, **units: Unit) -> Path:
    """Put the program and its machine into a folder for PATH; returns the file of the machine."""
    folder.mkdir(exist_ok=True)
    save(folder, Machine(units={name.replace("_", "-"): unit for name, unit in units.items()}))
    for name in ("systemctl", "sudo"):
        program = folder / name
        program.write_text(
            f"#!/bin/sh\nMESH_MACHINE='{folder}/machine.json' PYTHONPATH='{ROOT}' "
            f"exec '{sys.executable}' -m tests.harness.systemctl {name} \"$@\"\n"
        )
        program.chmod(0o755)
    return folder / "machine.json"


def load(folder: Path) -> Machine:
    """The machine as it is."""
    return msgspec.json.decode((folder / "machine.json").read_bytes(), type=Machine)


def save(folder: Path, machine: Machine) -> None:
    """Change the machine from outside."""
    fresh = folder / "machine.json.new"
    fresh.write_bytes(msgspec.json.encode(machine))
    fresh.replace(folder / "machine.json")


def _main(words: list[str]) -> int:
    folder = Path(os.environ["MESH_MACHINE"]).parent
    machine = load(folder)
    machine.asked.append(" ".join(words))
    is_root = words[0] == "sudo"
    if is_root:
        words = words[1:]
        if words[:1] != ["-n"]:
            return _complain(1, "sudo: a terminal is required to read the password")
        if machine.denies:
            save(folder, machine)
            return _complain(1, "sudo: a password is required")
        words = words[1:]
        if words[:1] == ["-l"]:
            save(folder, machine)
            print(f"/usr/bin/{words[1]}")
            return 0
    code = _systemctl(machine, words[1:], is_root=is_root)
    save(folder, machine)
    if machine.hangs and code == 0 and "show" not in words:
        os.execvp("sleep", ["sleep", "60"])  # noqa: S606 - the test ends it
    return code


def _systemctl(machine: Machine, words: list[str], *, is_root: bool) -> int:
    if not machine.booted:
        return _complain(
            1,
            "System has not been booted with systemd as init system (PID 1). Can't operate.",
            "Failed to connect to bus: Host is down",
        )
    options = [word for word in words if word.startswith("--") and word != "--"]
    rest = [word for word in words if not word.startswith("--")]
    known = ("--no-pager", "--no-ask-password", "--property=")
    for option in options:
        if not option.startswith(known):
            return _complain(1, f"systemctl: unrecognized option '{option}'")
    verb, names = rest[0], rest[1:]
    if verb == "show":
        return _show(machine, options, names)
    if verb not in ("restart", "stop"):
        return _complain(1, f"Unknown command verb {verb}.")
    (name,) = names
    if machine.denies and not is_root:
        return _complain(
            1 if "--no-ask-password" not in options else 4,
            f"Failed to {verb} {name}: Interactive authentication required.",
            f"See system logs and 'systemctl status {name}' for details.",
        )
    unit = machine.units.get(name)
    if unit is None or unit.load != "loaded":
        return _complain(5, f"Failed to {verb} {name}: Unit {name} not found.")
    return _changed(unit, verb, name)


def _changed(unit: Unit, verb: str, name: str) -> int:
    if verb == "stop":
        unit.active, unit.sub = "inactive", "dead"
        return 0
    unit.starts += 1
    unit.invocation += 1
    unit.active, unit.sub = ("failed", "failed") if unit.fails else ("active", "running")
    if unit.fails:
        return _complain(
            1,
            f"Job for {name} failed because the control process exited with error code.",
            f'See "systemctl status {name}" and "journalctl -xeu {name}" for details.',
        )
    return 0


def _show(machine: Machine, options: list[str], names: list[str]) -> int:
    wanted = next(each for each in options if each.startswith("--property=")).split("=", 1)[1]
    unit = machine.units.get(names[0]) if names else None
    if not names:
        facts = {"Version": "252.39-1~deb12u1"}
    elif unit is None:
        facts = {
            "LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead",
            "InvocationID": "",
        }  # fmt: skip
    else:
        facts = {
            "LoadState": unit.load, "ActiveState": unit.active, "SubState": unit.sub,
            "InvocationID": unit.id,
        }  # fmt: skip
    for name in wanted.split(","):
        if name in facts:
            print(f"{name}={facts[name]}")
    return 0


def _complain(code: int, *lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
