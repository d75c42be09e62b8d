"""The safe way between TLS modes: what is advertised is accepted first, and for long enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from meshconsole.rollouts.kinds.modes import Stand, Step, is_in_force, next_step, why_not
from proxy.contract.reports import LinkState
from proxy.contract.snapshot import TlsMode

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def step(
    mode: TlsMode,
    goal: TlsMode,
    said: TlsMode | None = None,
    *,
    ready: bool = True,
    since: float | None = None,
    advertised: bool = True,
    scale: float = 1.0,
) -> Step:
    state = LinkState(mode=said or mode, ready=ready, reason="" if ready else "it has no key")
    stepped = None if since is None else NOW - timedelta(seconds=since)
    stand = Stand(mode=mode, goal=goal, state=state, stepped_at=stepped, was_advertised=advertised)
    return next_step(stand, now=NOW, scale=scale)


def test_up_goes_step_by_step() -> None:
    assert step("plaintext", "strict").mode == "permissive"
    assert step("permissive", "strict").mode == "preferred"
    assert step("preferred", "strict").mode == "strict"
    assert step("strict", "strict") == Step()


def test_nothing_is_advertised_that_is_not_in_force_and_proven() -> None:
    late = step("permissive", "preferred", "plaintext")
    assert (late.mode, late.note) == (None, "its sidecar is plaintext still")
    unready = step("permissive", "preferred", ready=False)
    assert (unready.mode, unready.note) == (None, "cannot prove itself: it has no key")
    assert step("preferred", "strict", "permissive").mode is None
    silent = Stand(mode="permissive", goal="preferred", state=None, stepped_at=NOW)
    assert next_step(silent, now=NOW).mode is None


def test_down_callers_are_told_only_after_plaintext_is_accepted() -> None:
    assert step("strict", "plaintext", "strict").mode == "preferred"
    assert step("preferred", "plaintext", "strict").mode is None
    assert step("preferred", "plaintext", "preferred").mode == "permissive"
    assert step("preferred", "permissive", ready=False).mode == "permissive"


@pytest.mark.parametrize(("since", "mode"), [(599, None), (600, "plaintext")])
def test_tls_is_accepted_for_ten_minutes_after_it_was_advertised(
    since: float, mode: TlsMode | None
) -> None:
    found = step("permissive", "plaintext", since=since)
    assert found.mode == mode
    assert (found.waits_until is None) == (mode is not None)
    assert step("permissive", "plaintext", since=since / 100, scale=0.01).mode == mode


def test_what_was_never_advertised_needs_no_wait() -> None:
    assert step("permissive", "plaintext", since=1, advertised=False).mode == "plaintext"


def test_in_force_is_the_sidecars_word_and_proof_where_it_matters() -> None:
    assert is_in_force("permissive", LinkState(mode="permissive"))
    assert not is_in_force("preferred", LinkState(mode="preferred"))
    assert is_in_force("strict", LinkState(mode="strict", ready=True))
    assert not is_in_force("plaintext", None)
    assert "nothing" in why_not("plaintext", None)
