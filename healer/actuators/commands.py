"""One command of an actuator: a fixed list of words, no shell, within its time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import msgspec

from healer.actuators.protocol import NotNow, Refused

OUTPUT_LIMIT = 64 * 1024


class Overdue(Exception):
    """It was started and did not end in time; it may go on where it runs."""


class Ran(msgspec.Struct, frozen=True):
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Its complaint in one line, for a sentence."""
        lines = (self.err.strip() or self.out.strip() or f"exit code {self.code}").splitlines()
        return lines[0][:300].rstrip(".") + "."


Run = Callable[[tuple[str, ...], float], Ran]
"""Words and seconds; raises NotNow and Refused when nothing was started, else Overdue."""


def run_here(words: tuple[str, ...], seconds: float) -> Ran:
    """Run it on this machine, without anything of our environment but PATH and HOME."""
    program = shutil.which(words[0])
    if program is None:
        raise Refused(f"There is no {words[0]} on the healer's machine: install it.")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, each name checked
            (program, *words[1:]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            env={**kept, "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
        )
    except subprocess.TimeoutExpired:
        raise Overdue(f"{words[0]} did not end within {seconds:.0f} s.") from None
    except OSError as error:
        raise NotNow(f"{words[0]} could not be started: {error.strerror or error}.") from None
    out, err = (each[:OUTPUT_LIMIT].decode(errors="replace") for each in (done.stdout, done.stderr))
    return Ran(done.returncode, out, err)
