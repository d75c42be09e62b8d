"""The sidecar beside every instance loads no web framework, and `proxy` is ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import proxy

ROOT = Path(__file__).parents[2]
HEAVY = {
    "celery",
    "channels",
    "daphne",
    "django",
    "h2",
    "hpack",
    "httpx",
    "kombu",
    "meshconsole",
    "plotly",
    "pydantic",
    "redis",
    "rest_framework",
    "structlog",
    "twisted",
    "typer",
}
LOADED = """
import json, sys
import proxy.__main__, proxy.agent, proxy.assembly
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_a_sidecar_loads_no_web_framework_and_no_protocol_before_it_is_spoken() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(json.loads(done.stdout))
    assert {"proxy", "msgspec", "websockets"} <= loaded
    assert loaded & HEAVY == set()


def test_the_package_proxy_is_ours_and_not_one_from_an_index() -> None:
    assert Path(str(proxy.__file__)).resolve() == ROOT / "proxy" / "__init__.py"
