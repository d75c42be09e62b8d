"""A notice by mail, over the SMTP server that the settings name."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

import msgspec
from django.conf import settings

from healer.notices.outward import Undelivered

CALL_SECONDS = 5.0


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """How mail leaves this console."""

    host: str
    port: int = 587
    tls: str = "starttls"
    """`starttls`, `tls` from the first byte, or `none` inside of one machine."""
    user: str = ""
    password_file: Path | None = None
    """Read again for every mail."""
    sender: str = ""

    @classmethod
    def configured(cls) -> MailServer:
        """As the console's settings say."""
        return cls(
            host=settings.MESH_SMTP_HOST,
            port=settings.MESH_SMTP_PORT,
            tls=settings.MESH_SMTP_TLS,
            user=settings.MESH_SMTP_USER,
            password_file=settings.MESH_SMTP_PASSWORD_FILE,
            sender=settings.MESH_SMTP_FROM,
        )


def mail_send(
    server: MailServer,
    *,
    to: str,
    subject: str,
    text: str,
    key: str,
    context: ssl.SSLContext | None = None,
) -> None:
    """Hand one mail to the server; raises Undelivered with a sentence.

    `key` makes its message id, so that a mail that is sent twice can be seen to be one.
    """
    if not server.host or not server.sender:
        raise Undelivered(
            "No mail server is set: name MESH_SMTP_HOST and MESH_SMTP_FROM.", is_final=True
        )
    mail = _mail(server, to=to, subject=subject, text=text, key=key)
    try:
        with _spoken(server, context or ssl.create_default_context()) as spoken:
            if server.user:
                spoken.login(server.user, _password(server))
            spoken.send_message(mail)
    except smtplib.SMTPAuthenticationError:
        raise Undelivered("The mail server refuses the user and password.") from None
    except smtplib.SMTPRecipientsRefused:
        raise Undelivered("The mail server refuses the recipient.", is_final=True) from None
    except smtplib.SMTPResponseException as error:
        is_final = 500 <= error.smtp_code < 600
        raise Undelivered(
            f"The mail server answered {error.smtp_code}.", is_final=is_final
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise Undelivered(f"The mail server does not take it: {type(error).__name__}.") from None


def _mail(server: MailServer, *, to: str, subject: str, text: str, key: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = server.sender
    mail["To"] = to
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = formatdate()
    domain = server.sender.rpartition("@")[2].strip("> ") or "localhost"
    mail["Message-ID"] = f"<{key}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail


def _spoken(server: MailServer, context: ssl.SSLContext) -> smtplib.SMTP:
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=CALL_SECONDS, context=context)
    spoken = smtplib.SMTP(server.host, server.port, timeout=CALL_SECONDS)
    if server.tls != "none":
        try:
            spoken.starttls(context=context)
        except BaseException:
            spoken.close()
            raise
    return spoken


def _password(server: MailServer) -> str:
    if server.password_file is None:
        raise Undelivered("A mail user needs MESH_SMTP_PASSWORD_FILE.", is_final=True)
    try:
        return server.password_file.read_text().strip()
    except OSError:
        raise Undelivered("MESH_SMTP_PASSWORD_FILE cannot be read.") from None
