"""TLS as the mesh speaks it: both sides are proven, nothing can be resumed."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from proxy.encryption.contexts import ClientContexts, server_context
from proxy.settings import InvalidSettings, TlsFiles
from tests.integration.proxy.pki import Pki


def _files(pki: Pki, name: str) -> TlsFiles:
    cert, key, ca = (Path(part) for part in pki.flag(name).split(","))
    return TlsFiles(cert, key, ca)


def _shaken(server: TlsFiles, client: TlsFiles) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends of a handshake in memory, and a byte from the server after it."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = server_context(server).wrap_bio(up, down, server_side=True)
    there = ClientContexts(client).of("http1").wrap_bio(down, up)
    waiting = [there, here]
    while waiting:
        end = waiting.pop(0)
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(end)
    here.write(b"x")
    assert there.read() == b"x"
    return here, there


def test_both_ends_hold_the_others_certificate_in_its_binary_form(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "mesh")
    server, client = _files(pki, "server"), _files(pki, "client")
    here, there = _shaken(server, client)
    for end, shown in ((here, client), (there, server)):
        assert end.getpeercert(True) == ssl.PEM_cert_to_DER_cert(shown.cert.read_text())
        assert end.getpeercert() == {}
        assert end.version() == "TLSv1.3"


def test_a_server_gives_no_ticket_to_resume_with(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "mesh")
    _, there = _shaken(_files(pki, "server"), _files(pki, "client"))
    assert there.session is not None
    assert not there.session.has_ticket


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    mesh, other = Pki(tmp_path / "mesh"), Pki(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        _shaken(_files(mesh, "server"), _files(other, "client"))


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    file = tmp_path / "empty.pem"
    file.write_text("")
    with pytest.raises(InvalidSettings, match=r"empty\.pem"):
        server_context(TlsFiles(file, file, file))
