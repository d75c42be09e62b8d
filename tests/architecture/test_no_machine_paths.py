"""The tree knows no particular machine: no home folder, no private host, no absolute check-out."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORBIDDEN = re.compile(r"/(?:home|Users)/[a-z]|/root/|[a-z0-9-]+\.(?:internal|corp|lan)\b")
SKIPPED = ("static/vendor/", "requirements", "tests/architecture/test_no_machine_paths.py")
TEXT = {".py", ".md", ".toml", ".html", ".css", ".js", ".yaml", ".yml", ".sh", ".json", ""}


def test_no_file_names_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    if listed.returncode:
        names = [str(path.relative_to(ROOT)) for path in (ROOT / "meshconsole").rglob("*.py")]
    else:
        names = [name for name in listed.stdout.split("\0") if name]
    found = []
    for name in names:
        path = ROOT / name
        if name.startswith(SKIPPED) or path.suffix not in TEXT or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if FORBIDDEN.search(line):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    assert found == []
