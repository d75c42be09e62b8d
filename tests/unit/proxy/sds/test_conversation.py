"""Both dialects of a stream: what is said when, and what is not said again."""

from __future__ import annotations

import pytest

from proxy.sds.conversation import NAMES_LIMIT, Conversation, DeltaConversation, TooManyNames
from proxy.sds.secrets import Roots, Secret

LEAF, ROOTS = "default", "ROOTCA"


def secrets(**versions: str) -> dict[str, Secret]:
    return {name: Secret(name, version, Roots(b"pem")) for name, version in versions.items()}


def test_an_answer_says_every_secret_that_is_asked_for_and_an_ack_is_not_answered() -> None:
    talk = Conversation()
    talk.asked([LEAF, ROOTS], "")
    answer = talk.due(secrets(default="1", ROOTCA="2"))
    assert answer is not None
    assert [one.name for one in answer.secrets] == [LEAF, ROOTS]
    talk.asked([LEAF, ROOTS], answer.nonce)
    assert talk.due(secrets(default="1", ROOTCA="2")) is None


def test_a_rotation_is_said_to_who_has_the_secret_before() -> None:
    talk = Conversation()
    talk.asked([LEAF], "")
    first = talk.due(secrets(default="1"))
    second = talk.due(secrets(default="3"))
    assert first is not None
    assert second is not None
    assert second.nonce != first.nonce
    assert second.secrets[0].version == "3"


def test_a_name_without_a_secret_is_waited_for() -> None:
    talk = Conversation()
    talk.asked([LEAF], "")
    assert talk.due({}) is None
    assert talk.due(secrets(default="1")) is not None


def test_a_refusal_is_kept_and_the_same_is_not_said_again() -> None:
    talk = Conversation()
    talk.asked([LEAF], "")
    answer = talk.due(secrets(default="1"))
    assert answer is not None
    talk.asked([LEAF], answer.nonce, "the key does not fit")
    assert talk.refused == "the key does not fit"
    assert talk.due(secrets(default="1")) is None
    assert talk.due(secrets(default="2")) is not None


def test_an_answer_to_an_earlier_nonce_has_crossed_ours() -> None:
    talk = Conversation()
    talk.asked([LEAF], "")
    first = talk.due(secrets(default="1"))
    assert first is not None
    talk.due(secrets(default="2"))
    talk.asked([], first.nonce, "late words")
    assert talk.refused == ""
    assert talk.due(secrets(default="3")) is not None


def test_a_name_that_is_asked_for_later_is_answered_with_all_of_them() -> None:
    talk = Conversation()
    talk.asked([LEAF], "")
    first = talk.due(secrets(default="1", ROOTCA="2"))
    assert first is not None
    talk.asked([LEAF, ROOTS], first.nonce)
    second = talk.due(secrets(default="1", ROOTCA="2"))
    assert second is not None
    assert len(second.secrets) == 2


def test_a_stream_may_not_ask_for_any_number_of_names() -> None:
    names = [str(number) for number in range(NAMES_LIMIT + 1)]
    with pytest.raises(TooManyNames):
        Conversation().asked(names, "")
    with pytest.raises(TooManyNames):
        DeltaConversation().asked(names)


def test_delta_says_only_what_has_changed() -> None:
    talk = DeltaConversation()
    talk.asked([LEAF, ROOTS])
    first = talk.due(secrets(default="1", ROOTCA="2"))
    assert first is not None
    talk.asked(nonce=first.nonce)
    assert talk.due(secrets(default="1", ROOTCA="2")) is None
    second = talk.due(secrets(default="9", ROOTCA="2"))
    assert second is not None
    assert [one.name for one in second.secrets] == [LEAF]


def test_delta_does_not_repeat_what_the_peer_kept_of_an_earlier_stream() -> None:
    talk = DeltaConversation()
    talk.asked([LEAF], has={LEAF: "1"})
    assert talk.due(secrets(default="1")) is None
    assert talk.due(secrets(default="2")) is not None


def test_delta_says_once_that_there_is_nothing_under_a_name() -> None:
    talk = DeltaConversation()
    talk.asked(["nobody"])
    assert talk.due({}) is None
    answer = talk.due(secrets(default="1"))
    assert answer is not None
    assert answer.removed == ("nobody",)
    assert talk.due(secrets(default="1")) is None
    talk.asked(unsubscribe=["nobody"])
    assert talk.due(secrets(default="2", nobody="1")) is None


def test_delta_keeps_a_refusal_of_its_latest_answer_only() -> None:
    talk = DeltaConversation()
    talk.asked([LEAF])
    first = talk.due(secrets(default="1"))
    assert first is not None
    second = talk.due(secrets(default="2"))
    assert second is not None
    talk.asked(nonce=first.nonce, error="late")
    assert talk.refused == ""
    talk.asked(nonce=second.nonce, error="the key does not fit")
    assert talk.refused == "the key does not fit"
