"""Why a caller was not let in: counted each time, said once in a while."""

from __future__ import annotations

import ssl

import pytest

from proxy.encryption.refusals import REMEMBERED, SILENT_SECONDS, Refusals, why_failed


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_same_is_said_once_in_a_while_and_then_how_often_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for _ in range(5):
        refusals.refuse("expired", "inbound", "10.0.0.1", "its certificate has expired")
    clock.now += SILENT_SECONDS
    refusals.refuse("expired", "inbound", "10.0.0.1", "its certificate has expired")
    refusals.refuse("expired", "inbound", "10.0.0.2", "its certificate has expired")
    assert refusals.counts == {"expired": 7}
    assert caplog.messages == [
        "inbound refused 10.0.0.1: its certificate has expired.",
        "inbound refused 10.0.0.1: its certificate has expired (4 more like it).",
        "inbound refused 10.0.0.2: its certificate has expired.",
    ]


def test_sources_that_are_kept_apart_are_bounded() -> None:
    refusals = Refusals()
    for n in range(3 * REMEMBERED):
        refusals.refuse("plaintext", "inbound", f"10.0.{n >> 8}.{n & 255}", "it is plaintext")
    assert len(refusals._said) == REMEMBERED
    assert refusals.counts == {"plaintext": 3 * REMEMBERED}


def _verification(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    error.verify_message = "some words"
    return error


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (9, "not_yet_valid"),
        (10, "expired"),
        (18, "foreign_ca"),
        (20, "foreign_ca"),
        (26, "bad_certificate"),
    ],
)
def test_the_librarys_number_says_what_is_wrong_with_a_certificate(code: int, reason: str) -> None:
    assert why_failed(_verification(code))[0] == reason


def test_what_is_no_fault_of_a_certificate_has_words_too() -> None:
    assert why_failed(ConnectionAbortedError())[0] == "timeout"
    assert why_failed(ConnectionResetError())[0] == "ended"
    assert why_failed(ssl.SSLError(1, "wrong version number"))[0] == "protocol"
