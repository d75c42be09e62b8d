"""Tests count in a row, up to the last one."""

from __future__ import annotations

from typing import Any

from healer.casework.progress import checks_of


def a_check(kind: str, *, ok: bool = True) -> dict[str, Any]:
    return {"at": 0.0, "kind": kind, "ok": ok, "detail": "" if ok else f"{kind} failed"}


def test_self_tests_and_probes_are_counted_apart() -> None:
    done = checks_of([a_check("self_test"), a_check("self_test"), a_check("probe")])
    assert (done.self_tests_ok, done.probes_ok, done.detail) == (2, 1, "")


def test_one_that_fails_begins_the_row_anew_and_is_told() -> None:
    done = checks_of([a_check("self_test"), a_check("probe", ok=False), a_check("self_test")])
    assert (done.self_tests_ok, done.probes_ok, done.detail) == (1, 0, "probe failed")


def test_no_test_is_no_proof() -> None:
    assert checks_of([]).probes_ok == 0
