"""Compile the modules that every request passes through: .venv/bin/python .ci/compile.py

Does nothing when they are compiled as they are. Without a C compiler it says so and is content: the
source runs as it is. What comes out is found by `proxy.compiled`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP))

from proxy.compiled import SHELF, fingerprint  # noqa: E402

MODULES = (
    "access_log", "balancer", "budget", "choice", "current", "errors", "interfaces", "listener",
    "log_lines", "member", "pool", "pools", "relay", "retrying", "tracing", "windows",
    "limiting/admission", "steering/router", "http1/bodies", "http1/downstream", "http1/edge",
    "http1/heads", "http1/lines", "http1/upstream", "rpc/heads",
)  # fmt: skip
SECONDS = 600


def main() -> int:
    """The exit status: 0 when they are compiled or cannot be here, 1 when that went wrong."""
    name = fingerprint()
    if (SHELF / name).is_dir():
        return 0
    if missing := _missing():
        say(f"The proxy's source runs as it is: to compile it, {missing}.")
        return 0
    say("Compiling the proxy (once for these sources; about half a minute)")
    with tempfile.TemporaryDirectory(prefix="mesh-compile-") as place:
        copied = Path(place, "proxy")
        shutil.copytree(TOP / "proxy", copied, ignore=shutil.ignore_patterns("__pycache__"))
        name = fingerprint(copied)
        done = subprocess.run(  # noqa: S603 - this file again, where setuptools may write
            [sys.executable, __file__, "here"],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            say(done.stdout[-3000:], "The proxy was not compiled: its source runs as it is.")
            return 1
        _keep(Path(place, "out"), name)
    return 0


def say(*lines: str) -> None:
    """To who started this."""
    for line in lines:
        sys.stderr.write(line.rstrip() + "\n")


def _missing() -> str:
    """What to do before anything can be compiled here; empty when nothing is missing."""
    if shutil.which((os.environ.get("CC") or "cc").split()[0]) is None:
        return "install a C compiler (Debian: apt-get install gcc)"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "install Python's headers (Debian: apt-get install python3-dev)"
    if find_spec("mypyc") is None or find_spec("setuptools") is None:
        return "run make compiled, which installs its compiler"
    return ""


def _keep(made: Path, name: str) -> None:
    """Put it in its place at once, and forget what was compiled of other sources."""
    SHELF.mkdir(exist_ok=True)
    for older in SHELF.iterdir():
        shutil.rmtree(older, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=SHELF) as beside:
        whole = shutil.copytree(made, Path(beside, "whole"))
        whole.rename(SHELF / name)


def _compile_here() -> None:
    """Compile the copy in this folder into `out`."""
    import setuptools
    from mypyc.build import mypycify

    files = [f"proxy/{module}.py" for module in MODULES]
    extensions = mypycify([*files, "--config-file=", "--follow-imports=normal"], debug_level="0")
    for one in extensions:  # what another compiler warns about is no fault of the source
        one.extra_compile_args = [arg for arg in one.extra_compile_args if arg != "-Werror"]
    setuptools.setup(
        name="proxy", packages=[], ext_modules=extensions,
        script_args=["-q", "build_ext", "--build-lib", "out"],
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:] == ["here"]:
        _compile_here()
    else:
        raise SystemExit(main())
