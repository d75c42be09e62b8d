"""Mail by a real conversation: encrypted, signed in, and each refusal in a sentence."""

from __future__ import annotations

import email
from pathlib import Path
from typing import Any

import pytest

from healer.notices.mail import MailServer, mail_send
from healer.notices.outward import Undelivered
from tests.harness.receivers import Mailbox, a_certificate, free_port, mail_server


def server_at(box: Mailbox, **given: Any) -> MailServer:
    named: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": box.port,
        "sender": "mesh@example.com",
        "tls": "none",
    }
    return MailServer(**(named | given))


def send(server: MailServer, **given: Any) -> None:
    said = {"to": "ann@example.com", "subject": "Hello", "text": "It waits.\n", "key": "n-1"}
    mail_send(server, **(said | given))


def test_a_mail_arrives_with_its_words_and_an_id_of_its_own() -> None:
    with mail_server() as box:
        send(server_at(box), subject="One\r\nBcc: eve@example.com")
    mail = email.message_from_bytes(box.mails[0])
    assert mail["To"] == "ann@example.com"
    assert mail["Bcc"] is None
    assert mail["Message-ID"] == "<n-1@example.com>"
    assert "It waits." in mail.as_string()


def test_it_is_encrypted_and_signed_in(tmp_path: Path) -> None:
    server_tls, client_tls = a_certificate(tmp_path, "mail.test")
    (tmp_path / "password").write_text("s3cret\n")
    with mail_server(server_tls) as box:
        server = server_at(box, tls="starttls", user="mesh", password_file=tmp_path / "password")
        send(server, context=client_tls)
    assert box.was_encrypted == [True]
    assert len(box.logins) == 1


def test_a_server_without_encryption_or_with_a_strange_certificate_gets_no_mail(
    tmp_path: Path,
) -> None:
    with mail_server() as box, pytest.raises(Undelivered):
        send(server_at(box, tls="starttls"))
    server_tls, _ = a_certificate(tmp_path, "mail.test")
    with mail_server(server_tls) as other, pytest.raises(Undelivered):
        send(server_at(other, tls="starttls"))
    assert box.mails == other.mails == []


@pytest.mark.parametrize(
    ("verb", "answer", "is_final"),
    [("RCPT", "550 no", True), ("MAIL", "451 later", False), ("DATA", "554 no", True)],
)
def test_a_refusal_says_whether_to_try_again(verb: str, answer: str, is_final: bool) -> None:
    with mail_server() as box:
        box.answers[verb] = answer
        with pytest.raises(Undelivered) as caught:
            send(server_at(box))
    assert caught.value.is_final is is_final
    assert box.mails == []


def test_without_a_server_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(Undelivered, match="MESH_SMTP_HOST"):
        send(MailServer(host="", sender=""))
    with pytest.raises(Undelivered, match="does not take it"):
        send(MailServer(host="127.0.0.1", port=free_port(), sender="m@x.com", tls="none"))
    with mail_server() as box:
        with pytest.raises(Undelivered, match="MESH_SMTP_PASSWORD_FILE"):
            send(server_at(box, user="mesh"))
        with pytest.raises(Undelivered, match="cannot be read"):
            send(server_at(box, user="mesh", password_file=tmp_path / "none"))
