"""The same source, compiled: found when it is there and fits, else the source runs as it is.

`make compiled` turns the modules that every request passes through into machine code and leaves it
in a folder of `.compiled`, named after a hash of all the proxy's sources and of the interpreter.
Whatever is changed has another name, so nothing stale is ever found; whatever is missing or does
not load is no fault, as the source is the truth and says the same, more slowly.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

SOURCES = Path(__file__).parent
SHELF = SOURCES.parent / ".compiled"
CHOICE = "MESH_PROXY_ENGINE"
"""Names an environment variable; `interpreted` in it leaves alone what is compiled."""
SUFFIX = EXTENSION_SUFFIXES[0]


class Compiled:
    """Finds modules in a folder of `.compiled`."""

    def __init__(self, folder: Path) -> None:
        ends = len(SUFFIX)
        self.files = {
            ".".join(file.relative_to(folder).parts)[:-ends]: file
            for file in folder.rglob("*" + SUFFIX)
        }

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The compiled module of this name, if there is one."""
        file = self.files.get(name)
        return spec_from_file_location(name, file) if file else None


def fingerprint(sources: Path = SOURCES) -> str:
    """A name for these sources as this interpreter runs them."""
    told = hashlib.sha256(f"{sys.version} {SUFFIX}".encode())
    for file in sorted(sources.rglob("*.py")):
        told.update(b"%b\0%b\0" % (str(file.relative_to(sources)).encode(), file.read_bytes()))
    return told.hexdigest()[:20]


def use_compiled(shelf: Path = SHELF) -> str:
    """From now on import what is compiled, all of it or nothing: when some was imported already,
    it is too late. Says what runs: `compiled` or `interpreted`."""
    if os.environ.get(CHOICE) != "interpreted" and shelf.is_dir():
        finder = Compiled(shelf / fingerprint())
        sys.meta_path.insert(0, finder)
        if not finder.files.keys().isdisjoint(sys.modules) or not _loads(finder):
            sys.meta_path.remove(finder)
    return engine()


def engine() -> str:
    """What runs in this process: `compiled` or `interpreted`."""
    return "compiled" if any(isinstance(one, Compiled) for one in sys.meta_path) else "interpreted"


def _loads(finder: Compiled) -> bool:
    """All that is compiled stands in one library; the modules are only names for its parts."""
    libraries = [name for name in finder.files if "." not in name]
    try:
        for name in libraries:
            importlib.import_module(name)
    except ImportError as error:
        sys.stderr.write(f"proxy: what is compiled does not load, the source runs: {error}\n")
        return False
    return bool(libraries)
