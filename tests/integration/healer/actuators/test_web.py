"""Requests of actuators go to the address that was checked, and believe only that name there."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from healer.actuators import addresses
from healer.actuators.protocol import NotNow, Refused
from healer.actuators.surroundings import Surroundings
from healer.actuators.web import web_at
from meshconsole.encryption import authority
from tests.harness.peer import Asked, Said, peer

NAME = "hooks.example.com"


class Hook:
    """Remembers what Host it was called by."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    def __call__(self, asked: Asked) -> Said:
        self.hosts.append(asked.headers["host"])
        return Said(200, b"{}")


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
def port(hook: Hook, tmp_path: Path) -> Iterator[int]:
    now = datetime.now(UTC)
    root = authority.root_create(trust_domain="mesh.test", generation=1, now=now)
    public, private = authority.key_create()
    leaf = authority.leaf_issue(
        root, key=public, uri="spiffe://mesh.test/hooks", common_name="hooks", now=now,
        life=timedelta(hours=1), hosts=[NAME],
    )  # fmt: skip
    (tmp_path / "ca").write_text(root.pem)
    (tmp_path / "server.pem").write_text(private + leaf.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    with peer(hook, tls=context) as made:
        yield made


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """Every name leads to loopback here, the first time; then somewhere else."""
    asked: list[str] = []

    def resolved(name: str, port: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    monkeypatch.setattr(addresses, "_resolved", resolved)
    return Surroundings(secrets=tmp_path, networks=(ip_network("127.0.0.0/8"),))


def test_a_name_is_resolved_once_and_its_certificate_is_its_own(
    hook: Hook, port: int, around: Surroundings, tmp_path: Path
) -> None:
    web = web_at("The hook", f"https://{NAME}:{port}/x", around, ca=tmp_path / "ca")
    assert web.call("GET", "/x", seconds=5).status == 200
    assert web.call("GET", "/x", seconds=5).status == 200
    assert hook.hosts == [f"{NAME}:{port}"] * 2


def test_the_certificate_of_another_name_is_not_believed(
    hook: Hook, port: int, around: Surroundings, tmp_path: Path
) -> None:
    web = web_at("The hook", f"https://other.example.com:{port}/x", around, ca=tmp_path / "ca")
    with pytest.raises(NotNow, match=r"cannot be reached: .*CERTIFICATE_VERIFY_FAILED"):
        web.call("POST", "/x", seconds=5)
    assert hook.hosts == []


def test_an_authority_that_was_not_named_is_not_believed(
    hook: Hook, port: int, around: Surroundings
) -> None:
    web = web_at("The hook", f"https://{NAME}:{port}/x", around)
    with pytest.raises(NotNow, match="CERTIFICATE_VERIFY_FAILED"):
        web.call("POST", "/x", seconds=5)
    assert hook.hosts == []


def test_a_ca_that_is_no_certificate_is_said(around: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("no certificate")
    with pytest.raises(Refused, match="no file of PEM certificates"):
        web_at("The hook", f"https://{NAME}/x", around, ca=tmp_path / "ca")


def test_no_proxy_of_the_environment_is_asked(
    hook: Hook, port: int, around: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    web = web_at("The hook", f"https://{NAME}:{port}/x", around, ca=tmp_path / "ca")
    assert web.call("GET", "/x", seconds=5).status == 200
