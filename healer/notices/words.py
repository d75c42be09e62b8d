"""How a notice looks where it is read: plain text, Slack's blocks, a webhook's JSON; pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

SIGNATURE = "X-Mesh-Signature"
TIMESTAMP = "X-Mesh-Timestamp"
DELIVERY = "X-Mesh-Delivery"
_ACTIONS = {
    "restart_sidecar": "Restart the sidecar of",
    "restart_process": "Restart the process of",
    "restart_host": "Restart the host of",
    "remove": "Remove",
    "revert": "Revert the change near",
}
_TEXT_LIMIT = 2900
"""Slack takes 3000 characters of a section."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is said, before it looks like anything."""

    id: str
    kind: str
    subject: str
    body: dict[str, Any]
    at: str
    """When it happened, ISO 8601."""
    page: str = ""
    """Address of its page in the console, behind the sign-in; empty when that is not known."""
    link: str = ""
    """Address that lets one person decide; empty for channels that many read."""


def lines_of(message: Message) -> list[str]:
    """The message in sentences, the same for every reader."""
    body = message.body
    if message.kind == "test":
        return ["This is a test. When you read it, the channel works."]
    lines = []
    if body.get("action"):
        action = _ACTIONS.get(str(body["action"]), str(body["action"]).replace("_", " "))
        lines.append(f"Plan: {action} {body.get('instance', '')}.")
    if body.get("reason"):
        lines.append(f"Why: {body['reason']}")
    lines.append(f"Where: {body.get('application', '')}, {body.get('unit', '')}.")
    if message.kind == "approval_needed":
        persons = int(body.get("needed") or 1)
        lines.append(f"It needs {persons} person{'s' if persons > 1 else ''}.")
        lines.append(
            f"If nobody answers by {body.get('expires_at', '')}, nothing is done and the case "
            "goes to whoever is on call."
        )
    return lines


def text_of(message: Message) -> str:
    """For a mail."""
    lines = lines_of(message)
    if message.link:
        lines += ["", "See the evidence and decide (for you alone, once):", message.link]
    if message.page:
        lines += ["", "In the console:", message.page]
    return "\n".join(lines) + "\n"


def slack_of(message: Message) -> dict[str, Any]:
    """Block Kit with link buttons only: prefetched they change nothing, and they need no relay."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.subject[:150]}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": _escaped("\n".join(lines_of(message)))},
        },
    ]
    buttons = []
    if message.link:
        buttons.append(_button("See the evidence and decide", message.link, style="primary"))
    if message.page:
        buttons.append(_button("Open in the console", message.page))
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": message.subject, "blocks": blocks}


def webhook_of(message: Message) -> dict[str, Any]:
    """One JSON object; its type says the version."""
    links = {"page": message.page, "decide": message.link}
    return {
        "type": f"io.meshconsole.healing.{message.kind}.v1",
        "id": message.id,
        "time": message.at,
        "subject": message.subject,
        "data": message.body,
        "links": {name: url for name, url in links.items() if url},
    }


def signature_of(key: str, timestamp: int, body: bytes) -> str:
    """`v1=` and the HMAC-SHA256 of `timestamp.body`; a receiver refuses old timestamps."""
    signed = f"{timestamp}.".encode() + body
    return "v1=" + hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()


def _button(text: str, url: str, **extra: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": text}, "url": url, **extra}


def _escaped(text: str) -> str:
    """Slack's three characters; nobody is mentioned by what a sidecar reports."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe[:_TEXT_LIMIT]
