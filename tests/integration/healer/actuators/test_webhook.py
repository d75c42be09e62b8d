"""Orders by signed requests to a real server that keeps keys, and every way it may fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from healer.actuators.protocol import (
    Action,
    Actuator,
    AmbiguousResult,
    NotNow,
    Order,
    Refused,
    StaleFence,
    Target,
)
from healer.actuators.registry import build
from healer.actuators.surroundings import Surroundings
from healer.actuators.webhook import signature
from tests.harness.peer import Asked, Said, peer, said_json

SECRET = "0123456789abcdef0123"


class Receiver:
    """Does each key once, refuses lower fences and what is not signed, as the module says."""

    def __init__(self) -> None:
        self.effects: dict[str, int] = {}
        self.fence = 0
        self.answer: Said | None = None
        """Given instead, after the work is done."""
        self.works = True
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> Said:
        self.asked.append(asked)
        stamp = asked.headers.get("mesh-timestamp", "0")
        wanted = f"v1={signature(SECRET, stamp, asked.method, asked.path, asked.body)}"
        if asked.headers.get("mesh-signature") != wanted or abs(time.time() - int(stamp)) > 300:
            return said_json(401, {"key": "", "detail": "the signature does not fit"})
        if asked.method == "GET":
            query = parse_qs(urlsplit(asked.path).query)
            key, fence = query["key"][0], int(query["fence"][0])
        else:
            order = msgspec.json.decode(asked.body)
            key, fence = order["key"], order["fence"]
            assert asked.headers["idempotency-key"] == key
        if fence < self.fence:
            return said_json(409, {"key": key, "problem": "stale_fence"})
        self.fence = fence
        if asked.method == "POST" and self.works and key not in self.effects:
            self.effects[key] = 1
        if self.answer is not None:
            return self.answer
        if key not in self.effects:
            return said_json(404, {"key": key, "state": "unknown"})
        return said_json(200, {"key": key, "state": "done", "effects": self.effects[key]})


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def hands(receiver: Receiver, tmp_path: Path) -> Iterator[Actuator]:
    with peer(receiver) as port:
        yield made(tmp_path, port)


def made(folder: Path, port: int, secret: str = SECRET, **settings: object) -> Actuator:
    (folder / "hook").write_text(secret)
    (folder / "hook").chmod(0o600)
    whole: dict[str, object] = {"url": f"http://127.0.0.1:{port}/heal", "secret": "hook"}
    around = Surroundings(secrets=folder, networks=(ip_network("127.0.0.0/8"),))
    return build("webhook", whole | settings, around)


def order(action: Action = "restart_process", *, fence: int = 1, seconds: float = 10) -> Order:
    target = Target(instance="shop-1", app="shop", unit="unit1", address="127.0.0.1:8080")
    return Order(
        target=target, action=action, key="case-7.1", fence=fence, deadline_seconds=seconds
    )


def test_an_order_has_its_effect_once(receiver: Receiver, hands: Actuator) -> None:
    assert hands.status(order()).state == "unknown"
    assert hands.execute(order()).state == "done"
    assert hands.execute(order()).effects == 1
    assert hands.status(order()).effects == 1
    assert receiver.effects == {"case-7.1": 1}


def test_a_lower_fence_is_refused(receiver: Receiver, hands: Actuator) -> None:
    hands.status(order(fence=5))
    with pytest.raises(StaleFence):
        hands.execute(order(fence=4))
    assert receiver.effects == {}


def test_a_dry_run_shows_way_and_secret_and_changes_nothing(
    receiver: Receiver, hands: Actuator, tmp_path: Path
) -> None:
    assert hands.dry_run(order()).ok
    assert receiver.effects == {}
    assert {asked.method for asked in receiver.asked} == {"GET"}


def test_another_secret_is_refused_and_told_to_nobody(receiver: Receiver, tmp_path: Path) -> None:
    with peer(receiver) as port:
        hands = made(tmp_path, port, secret="another-secret-of-20")
        found = hands.dry_run(order())
        assert found.detail == (
            "The webhook's receiver does not take this: the signature does not fit."
        )
        with pytest.raises(Refused) as refused:
            hands.execute(order())
    assert "another-secret" not in str(refused.value) + str(hands.plan(order()))
    assert receiver.effects == {}


def test_without_an_answer_it_may_have_been_done_and_the_status_tells(
    receiver: Receiver, hands: Actuator
) -> None:
    receiver.answer = Said(0)
    with pytest.raises(AmbiguousResult, match="gave no whole answer"):
        hands.execute(order())
    receiver.answer = None
    assert hands.status(order()).state == "done"
    assert receiver.effects == {"case-7.1": 1}


@pytest.mark.parametrize(
    ("said", "error", "sentence"),
    [
        (Said(500), AmbiguousResult, "failed with status 500: ask for the status of case-7.1"),
        (Said(503, b"", {"retry-after": "7"}), NotNow, "is busy"),
        (Said(503), AmbiguousResult, "failed with status 503"),
        (said_json(429, {}), NotNow, "asks for patience"),
        (Said(200, b"OK"), AmbiguousResult, "does not answer with its key and state"),
        (said_json(200, {"key": "another", "state": "done"}), AmbiguousResult, "with its key"),
        (said_json(200, {"key": "case-7.1", "state": "perhaps"}), AmbiguousResult, "its key"),
        (Said(302, b"", {"location": "http://127.0.0.1:1/"}), Refused, "status 302"),
        (Said(404, b"no such page"), Refused, "status 404"),
        (said_json(422, {"key": "case-7.1", "detail": "I know no shop"}), Refused, "no shop"),
        (Said(200, b"x" * 2_000_000), AmbiguousResult, "more than 1048576 bytes"),
    ],
)
def test_what_comes_back_instead_is_told_apart(
    receiver: Receiver, hands: Actuator, said: Said, error: type[Exception], sentence: str
) -> None:
    receiver.works = False
    receiver.answer = said
    with pytest.raises(error, match=sentence):
        hands.execute(order())


def test_a_page_that_is_not_there_is_no_word_that_nothing_was_done(
    receiver: Receiver, hands: Actuator
) -> None:
    """A proxy's 404 must not look like a key that is not known."""
    hands.execute(order())
    receiver.answer = Said(404, b"<html>not found</html>")
    with pytest.raises(Refused, match="status 404"):
        hands.status(order())


def test_a_removal_without_a_word_on_a_replacement_needs_one(
    receiver: Receiver, hands: Actuator
) -> None:
    assert hands.execute(order("remove")).replacement == "needed"
    receiver.answer = said_json(
        200, {"key": "case-7.1", "state": "done", "replacement": "requested"}
    )
    assert hands.status(order("remove")).replacement == "requested"


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="write 16 characters or more"):
        made(tmp_path, 9, secret="short").execute(order())


def test_nobody_there_means_that_nothing_was_done(tmp_path: Path) -> None:
    with pytest.raises(NotNow, match="cannot be reached"):
        made(tmp_path, 1).execute(order())


def test_an_address_that_is_not_listed_is_not_called(receiver: Receiver, tmp_path: Path) -> None:
    made(tmp_path, 1)
    with peer(receiver) as port:
        settings = {"url": f"https://127.0.0.1:{port}/heal", "secret": "hook"}
        with pytest.raises(Refused, match="MESH_ACTUATOR_NETWORKS"):
            build("webhook", settings, Surroundings(secrets=tmp_path)).execute(order())
    assert receiver.asked == []


def test_settings_may_offer_fewer_actions(tmp_path: Path) -> None:
    hands = made(tmp_path, 1, actions=["restart_process"])
    assert hands.actions == {"restart_process"}
    with pytest.raises(Refused, match="cannot remove"):
        hands.execute(order("remove"))
