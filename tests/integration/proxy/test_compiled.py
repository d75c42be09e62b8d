"""What is compiled keeps the promises of its source: the same vectors, laws and exchanges."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.compiled import CHOICE, SHELF, fingerprint
from tests.integration.proxy.processes import alone, origin_server

ROOT = Path(__file__).parents[3]
HERE = "tests/integration/proxy"
COMMON = (
    f"{HERE}/corpus",
    f"{HERE}/test_relay.py",
    f"{HERE}/test_failures.py",
    f"{HERE}/test_truncation.py",
    f"{HERE}/test_websocket.py",
    f"{HERE}/test_bolt.py",
    f"{HERE}/test_standalone.py",
    f"{HERE}/test_workers.py::test_what_every_worker_has_seen_is_shown_as_one",
    "tests/property/test_http1.py",
    "tests/property/test_router.py",
    "tests/property/test_tracing.py",
)
"""Tests that ask real objects, and so may ask either."""

pytestmark = pytest.mark.skipif(
    not (SHELF / fingerprint()).is_dir(), reason="nothing is compiled of these sources"
)


@pytest.mark.parametrize("engine", ["compiled", "interpreted"])
def test_a_proxy_says_what_runs(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, engine)
    with origin_server() as origin, alone("--upstream", origin.address) as running:
        assert running.get("/a") == (200, b"/a")
        assert json.loads(running.ask_admin("/config")[1])["engine"] == engine
        assert f'engine="{engine}"' in running.ask_admin("/metrics")[1].decode()


def test_the_compiled_proxy_passes_the_tests_of_its_source() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.harness.compiled", *COMMON],
        cwd=ROOT,
        env={**os.environ, CHOICE: "compiled", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
