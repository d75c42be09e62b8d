"""Guessing is slow, per account and per address; a right password ends the wait."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from meshconsole.access import throttle
from meshconsole.access.models import SignInFailure
from tests.conftest import PASSWORD
from tests.harness.wait import eventually

pytestmark = pytest.mark.django_db


def _request(address: str = "10.0.0.1") -> HttpRequest:
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = address
    return request


def _tries(count: int, name: str = "viewer", address: str = "10.0.0.1") -> None:
    for _ in range(count):
        assert authenticate(_request(address), username=name, password="wrong") is None


def test_after_five_failures_the_right_password_waits_too(viewer: User) -> None:
    _tries(throttle.PER_ACCOUNT)
    assert authenticate(_request("10.0.0.2"), username="Viewer", password=PASSWORD) is None
    assert 0 < throttle.wait_seconds("viewer", "", timezone.now()) <= throttle.WINDOW_SECONDS + 1
    later = timezone.now() + timedelta(seconds=throttle.WINDOW_SECONDS + 1)
    assert throttle.wait_seconds("viewer", "10.0.0.1", later) == 0


def test_one_address_that_tries_many_accounts_waits(viewer: User) -> None:
    for n in range(throttle.PER_ADDRESS):
        _tries(1, f"guess{n}")
    assert authenticate(_request(), username="viewer", password=PASSWORD) is None
    assert authenticate(_request("10.0.0.2"), username="viewer", password=PASSWORD) == viewer


def test_signing_in_forgets_earlier_mistakes(viewer: User) -> None:
    _tries(throttle.PER_ACCOUNT - 1)
    assert authenticate(_request(), username="viewer", password=PASSWORD) == viewer
    assert not SignInFailure.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_moment_count_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    ended: list[int] = []
    all_looked = threading.Event()

    def look(*_: object, **__: object) -> None:
        looked.append(1)
        assert all_looked.wait(20)

    monkeypatch.setattr(ModelBackend, "authenticate", look)

    def guess() -> None:
        try:
            _tries(1)
        finally:
            ended.append(1)
            connection.close()

    count = throttle.PER_ACCOUNT + 4
    guesses = [threading.Thread(target=guess) for _ in range(count)]
    for each in guesses:
        each.start()
    try:
        eventually(lambda: len(looked) + len(ended) == count, timeout=15)
    finally:
        all_looked.set()
        for each in guesses:
            each.join(20)
    assert len(looked) == throttle.PER_ACCOUNT
    assert SignInFailure.objects.count() == throttle.PER_ACCOUNT
