"""What becomes durable on PostgreSQL, where reports are copied in, is what was said."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.harness import postgres


@pytest.mark.skipif(postgres.programs() is None, reason="PostgreSQL is not installed")
def test_postgresql_keeps_every_report_once() -> None:
    out = subprocess.run(
        [
            sys.executable, "-m", "tests.bench.ingest", "--database", "postgres", "--rate", "200",
            "--seconds", "1", "--at-once", "500",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout  # fmt: skip
    told = json.loads(out.splitlines()[-1])
    assert (told["lost"], told["refused"]) == (0, 0)
