"""Third-party browser assets are exactly the bytes the lock names."""

from __future__ import annotations

import hashlib
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "static" / "vendor"


def locked() -> dict[str, tuple[str, str, str, str]]:
    """Path below static/vendor -> (name, version, licence, sha256)."""
    rows: dict[str, tuple[str, str, str, str]] = {}
    for line in (VENDOR / "vendor.lock").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        name, version, licence, _package, path, sha256 = line.split(" ")
        rows[path] = (name, version, licence, sha256)
    return rows


def test_every_locked_file_still_has_its_hash() -> None:
    for path, (_name, _version, _licence, sha256) in locked().items():
        assert hashlib.sha256((VENDOR / path).read_bytes()).hexdigest() == sha256, path


def test_nothing_is_vendored_without_a_line_in_the_lock() -> None:
    present = {
        file.relative_to(VENDOR).as_posix()
        for file in VENDOR.rglob("*")
        if file.is_file() and file.name != "vendor.lock"
    }
    assert present == set(locked())


def test_the_folder_says_name_and_version_and_carries_the_licence() -> None:
    for path, (name, version, licence, _sha256) in locked().items():
        folder = path.split("/", 1)[0]
        assert folder == f"{name}-{version}"
        assert licence
        assert f"{folder}/LICENSE" in locked()
