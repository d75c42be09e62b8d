"""A rollout as a drill reads it: what tripped, how far it is, when to stop looking."""

from __future__ import annotations

from typing import Any

import pytest

from meshconsole.drill.console import Refused
from meshconsole.drill.rolling import Gate, Rolling, Shown, Wave


def a_gate(metric: str, verdict: str = "fail") -> Gate:
    return Gate(metric, verdict, 0.07, 0.0, 0.005, f"{metric} is bad.")


def shown(state: str, note: str = "", *gates: Gate, wave: str = "soaking") -> Shown:
    one = Wave(
        number=1, stage="preferred", share="1 instance", state=wave, targets=[], gates=list(gates)
    )
    return Shown(id=1, state=state, note=note, approval="", waves=[one])


class ScriptedConsole:
    """Answers with one document after another, the last one for ever."""

    def __init__(self, *states: str, approval: str = "") -> None:
        self._states = list(states)
        self._approval = approval
        self.posted: list[tuple[str, Any]] = []

    def get(self, path: str) -> Any:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        return self._told(state)

    def post(self, path: str, document: Any) -> Any:
        self.posted.append((path, document))
        return self._told("previewed")

    def _told(self, state: str) -> Any:
        actions = [{"name": "rollout_start", "confirm": "stock", "enabled": True}]
        told = {"id": 7, "state": state, "note": "so", "approval": self._approval}
        return told | {"waves": [], "allowed_actions": actions}


def test_what_tripped_is_the_gate_that_the_note_names() -> None:
    slow, wrong = a_gate("p99"), a_gate("error_rate")
    assert shown("rolled_back", "error_rate: bad", slow, wrong).tripped() == wrong
    assert shown("rolled_back", "Everything is undone.", slow, wrong).tripped() == wrong
    assert shown("completed", "", a_gate("p99", "pass")).tripped() is None


def test_its_words_name_the_wave_that_is_under_way() -> None:
    words = shown("soaking", "The soak goes on.").words()
    assert words == "soaking, wave 1/1 preferred soaking: The soak goes on."
    assert shown("completed", "Done.", wave="passed").words() == "completed: Done."


def test_it_is_followed_until_it_moves_no_further_by_itself() -> None:
    said: list[str] = []
    console = ScriptedConsole("progressing", "soaking", "soaking", "rolled_back")
    rolling = Rolling(console, said.append)  # type: ignore[arg-type]
    seen: list[str] = []
    ended = rolling.follow(7, seconds=30, each=lambda one: seen.append(one.state))
    assert ended.state == "rolled_back"
    assert seen == ["progressing", "soaking", "soaking", "rolled_back"]
    assert len(said) == 3  # the same words are said once


def test_one_that_does_not_end_in_time_is_refused() -> None:
    rolling = Rolling(ScriptedConsole("soaking"), lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="still soaking"):
        rolling.follow(7, seconds=0)


@pytest.mark.parametrize("approval", ["", "order is critical."])
def test_approval_is_passed_by_only_where_it_is_asked_for(approval: str) -> None:
    console = ScriptedConsole("approved", approval=approval)
    assert Rolling(console, lambda _: None).begin("tls_mode", "stock", {"to": "strict"}) == 7  # type: ignore[arg-type]
    paths = [path.removeprefix("/api/v1/rollouts") for path, _ in console.posted]
    assert paths == ["", "/7/preview", "/7/start"]
    assert ("bypass" in console.posted[2][1]) is bool(approval)
    assert console.posted[2][1]["confirm"] == "stock", "the word that the console asks for"
