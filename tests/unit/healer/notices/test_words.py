"""One message, three looks, and a signature that a receiver can check."""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from healer.notices.words import Message, signature_of, slack_of, text_of, webhook_of

ASKED = Message(
    id="notice-7",
    kind="approval_needed",
    subject="order-1 waits for your approval",
    body={
        "action": "restart_process",
        "instance": "order-1",
        "application": "order",
        "unit": "unit1",
        "reason": "<!channel> 33% & more",
        "needed": 2,
        "expires_at": "2026-01-02T03:19:05+00:00",
    },
    at="2026-01-02T03:04:05+00:00",
    page="https://mesh.example.com/approvals/7/",
    link="https://mesh.example.com/approvals/links/t/",
)


def test_a_mail_says_what_silence_means_and_where_to_decide() -> None:
    text = text_of(ASKED)
    assert "Plan: Restart the process of order-1." in text
    assert "It needs 2 persons." in text
    assert "If nobody answers by 2026-01-02T03:19:05+00:00, nothing is done" in text
    assert ASKED.link in text
    assert ASKED.page in text


def test_slack_gets_link_buttons_and_mentions_nobody() -> None:
    message = slack_of(ASKED)
    section = message["blocks"][1]["text"]["text"]
    assert "&lt;!channel&gt; 33% &amp; more" in section
    buttons = message["blocks"][2]["elements"]
    assert [one["url"] for one in buttons] == [ASKED.link, ASKED.page]
    assert all(one["type"] == "button" for one in buttons)
    bare = slack_of(msgspec.structs.replace(ASKED, page="", link=""))
    assert [block["type"] for block in bare["blocks"]] == ["header", "section"]


def test_a_webhook_names_its_type_and_leaves_out_links_that_are_none() -> None:
    message = webhook_of(msgspec.structs.replace(ASKED, link=""))
    assert message["type"] == "io.meshconsole.healing.approval_needed.v1"
    assert message["links"] == {"page": ASKED.page}


def test_the_signature_is_over_time_and_body() -> None:
    wanted = hmac.new(b"k" * 16, b"1700000000.{}", hashlib.sha256).hexdigest()
    assert signature_of("k" * 16, 1700000000, b"{}") == f"v1={wanted}"
    assert signature_of("k" * 16, 1700000001, b"{}") != f"v1={wanted}"
