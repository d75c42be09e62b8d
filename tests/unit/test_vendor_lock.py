"""Third-party browser assets are exactly the bytes the lock names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "static" / "vendor", ROOT / "tests" / "vendor"]


def locked(folder: Path) -> dict[str, tuple[str, str, str, str]]:
    """Path below the folder -> (name, version, licence, sha256)."""
    rows: dict[str, tuple[str, str, str, str]] = {}
    for line in (folder / "vendor.lock").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        name, version, licence, _package, path, sha256 = line.split(" ")
        rows[path] = (name, version, licence, sha256)
    return rows


@pytest.mark.parametrize("folder", FOLDERS, ids=["product", "tests"])
def test_every_locked_file_still_has_its_hash(folder: Path) -> None:
    for path, (_name, _version, _licence, sha256) in locked(folder).items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == sha256, path


@pytest.mark.parametrize("folder", FOLDERS, ids=["product", "tests"])
def test_nothing_is_vendored_without_a_line_in_the_lock(folder: Path) -> None:
    present = {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and file.name != "vendor.lock"
    }
    assert present == set(locked(folder))


@pytest.mark.parametrize("folder", FOLDERS, ids=["product", "tests"])
def test_the_folder_says_name_and_version_and_carries_the_licence(folder: Path) -> None:
    for path, (name, version, licence, _sha256) in locked(folder).items():
        place = path.split("/", 1)[0]
        assert place == f"{name}-{version}"
        assert licence
        assert f"{place}/LICENSE" in locked(folder)
