"""What may be shown is a list of what is harmless; the rest is left out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.redaction import LEFT_OUT, is_secret, redacted_lines, settings_shown
from proxy.settings import HostPort, MeshSettings, StandaloneSettings, TlsFiles
from tests.integration.proxy.pki import Pki


@pytest.mark.parametrize(
    "name",
    [
        *(b"authorization", b"Proxy-Authorization", b"cookie", b"Set-Cookie", b"x-api-key"),
        *(b"X-Auth-Token", b"x-amz-security-token", b"x-session-id", b"x-csrf-token", b"apikey"),
        *(b"x-hub-signature-256", b"x-forwarded-client-cert", b"x-client-secret", b"password"),
    ],
)
def test_headers_that_carry_credentials_are_known(name: bytes) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", [b"host", b"accept", b"x-request-id", b"traceparent", b"keypad"])
def test_other_headers_are_shown(name: bytes) -> None:
    assert not is_secret(name)


def test_lines_keep_their_order_and_their_names() -> None:
    assert redacted_lines(b"A: 1\r\nCookie: s=1\r\nb:2\r\n") == (
        "A: 1",
        f"Cookie: {LEFT_OUT}",
        "b: 2",
    )


def test_settings_say_where_they_come_from() -> None:
    settings = StandaloneSettings(listen=HostPort("::1", 80), upstream=(HostPort("a", 1),))
    shown = settings_shown(settings)
    assert (shown["listen"].value, shown["listen"].source) == ("[::1]:80", "command line")
    assert (shown["upstream"].value, shown["access_log"].value) == (["a:1"], None)
    assert shown["access_log"].source == shown["limits"].source == "default"


def test_a_certificate_is_shown_and_its_key_is_not(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    cert, key, ca = (Path(part) for part in pki.flag("one").split(","))
    settings = StandaloneSettings(listen=HostPort("a", 1), listen_tls=TlsFiles(cert, key, ca))
    said = msgspec.json.encode(settings_shown(settings)).decode()
    assert '"subject":"CN=' in said
    assert '"not_after":"20' in said
    for file in (cert, key, ca):
        lines = file.read_text().splitlines()
        assert not any(line in said for line in lines if len(line) > 20)


def test_that_there_is_a_join_token_is_all_that_is_said() -> None:
    place = HostPort("127.0.0.1", 1)
    settings = MeshSettings(
        console=("wss://127.0.0.1:1",), app="a", unit="u", group="g", instance="i",
        inbound=place, app_address=place, outbound=place, state_dir=Path("state"),
        join_token_file=Path("token-of-mesh"),
    )  # fmt: skip
    shown = settings_shown(settings)
    assert shown["join_token_file"].value == LEFT_OUT
    assert shown["state_dir"].value == "state"
