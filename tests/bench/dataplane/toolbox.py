"""The load tools written in C, compiled when they are needed; without a compiler they are named."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "tools"
LIBRARIES = {"hs_load": ["-lssl", "-lcrypto"]}
_COMPILE_SECONDS = 120


class NoTool(Exception):
    """A tool cannot be made here; says what is missing."""


def compiled(name: str, folder: Path) -> str:
    """The path of a tool, made in `folder` at its first use; raises NoTool."""
    made = folder / name
    if made.exists():
        return str(made)
    compiler = shutil.which("cc")
    if compiler is None:
        raise NoTool(f"no C compiler for {name}: apt-get install gcc libc6-dev")
    told = subprocess.run(
        [compiler, "-O2", "-o", str(made), str(SOURCES / f"{name}.c"), *LIBRARIES.get(name, [])],
        capture_output=True,
        text=True,
        timeout=_COMPILE_SECONDS,
    )
    if told.returncode:
        if "openssl/" in told.stderr:
            raise NoTool(f"no OpenSSL headers for {name}: apt-get install libssl-dev")
        raise NoTool(f"{name} does not compile: {told.stderr.splitlines()[0]}")
    return str(made)
