"""HTTP/2 with programs that others wrote: curl, h2load and nginx, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.wait import eventually
from tests.integration.proxy.pki import Pki
from tests.integration.proxy.processes import alone, free_port, listens

CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 512; }}
http {{
 access_log off; keepalive_requests 100;
 client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
 uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
 server {{
  listen 127.0.0.1:{port} http2; root {folder}/files;
  location = /small {{ return 200 small; }}
  location = /none {{ return 204; }}
 }}
}}
"""
LARGE = bytes(range(256)) * 8_192


def _needs(*programs: str) -> None:
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def _said(*argv: str) -> bytes:
    return subprocess.run(argv, capture_output=True, timeout=60, check=True).stdout


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    _needs("nginx", "curl")
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "files").mkdir()
    (folder / "files" / "large").write_bytes(LARGE)
    port = free_port()
    (folder / "conf").write_text(CONFIGURATION.format(folder=folder, port=port))
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "conf")])
    try:
        eventually(lambda: listens(port) or process.poll() is not None)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("caller", ["--http2-prior-knowledge", "--http1.1"])
def test_curl_reaches_nginx(upstream: int, caller: str, tmp_path: Path) -> None:
    with alone("--upstream", f"127.0.0.1:{upstream}", "--upstream-protocol", "http2") as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        assert _said("curl", "-sS", caller, f"{url}/small") == b"small"
        assert _said("curl", "-sS", caller, f"{url}/large") == LARGE
        shown = "%{http_code} %{http_version} %{size_download}"
        version = b"2" if "http2" in caller else b"1.1"
        for path, status, size in (("none", b"204", b"0"), ("missing", b"404", None)):
            out = str(tmp_path / path)
            said = _said("curl", "-sS", caller, "-o", out, "-w", shown, f"{url}/{path}").split()
            assert said[:2] == [status, version]
            assert size in (None, said[2])
        assert _said("curl", "-sS", caller, "-I", f"{url}/small").split()[1] == b"200"


def test_h2load_finds_no_answer_missing(upstream: int) -> None:
    """nginx ends each connection after 100 requests with GOAWAY: none of them may be lost."""
    _needs("h2load")
    with alone("--upstream", f"127.0.0.1:{upstream}") as proxy:
        url = f"http://127.0.0.1:{proxy.port}/small"
        said = _said("h2load", "-n", "3000", "-c", "8", "-m", "16", url)
        assert b"3000 succeeded, 0 failed, 0 errored" in said
        assert b"status codes: 3000 2xx" in said


def test_tls_chooses_http2_by_its_name(upstream: int, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "mesh")
    plain = f"127.0.0.1:{upstream}"
    with (
        alone("--upstream", plain, "--listen-tls", pki.flag("inner")) as inner,
        alone(
            *("--upstream", f"127.0.0.1:{inner.port}", "--upstream-tls", pki.flag("outer")),
            *("--upstream-protocol", "http2"),
        ) as outer,
    ):
        url = f"http://127.0.0.1:{outer.port}"
        assert _said("curl", "-sS", "--http2-prior-knowledge", f"{url}/large") == LARGE
        assert _said("curl", "-sS", f"{url}/small") == b"small"


def test_a_peer_whose_tls_does_not_know_http2_is_said_to_be_unfit(
    upstream: int, tmp_path: Path
) -> None:
    pki = Pki(tmp_path / "mesh")
    with (
        alone(
            *("--upstream", f"127.0.0.1:{upstream}", "--listen-tls", pki.flag("inner")),
            *("--protocol", "http1"),
        ) as inner,
        alone(
            *("--upstream", f"127.0.0.1:{inner.port}", "--upstream-tls", pki.flag("outer")),
            *("--upstream-protocol", "http2"),
        ) as outer,
    ):
        status, body = outer.get("/small")
        assert status == 503
        assert b"its TLS did not choose h2" in body
