"""Break an instance of the sample mesh, and follow the story until it is healed.

Its application's process is ended and held down. Callers have to leave it out within a second or
five failures, a case has to be in the stream within two, a person is asked and says yes, the demo's
supervisor restarts the process, tests and real traffic judge it, and the case ends as resolved.
Only waits are made shorter: sidecars, console and healer are those of every demo. In the part
`wiped` Redis forgets everything while the approval is awaited, and the story has to go on.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import redis

from meshconsole.demo.breaking import CannotBreak, break_instance
from meshconsole.demo.effects import effects_of
from meshconsole.demo.launch import launched, plain_environment
from meshconsole.drill.console import Refused
from meshconsole.drill.stage import Figures, Scale, Stage

ABOUT = "break an instance of the sample mesh: left out, reported, approved, restarted, resolved"
SCALE = Scale(requests=0, changes=0, concurrency=0, rate=240.0)
APP, SICK = "stock", "stock-1"
FAULT = "dead"
HEAL_SCALE = 0.05
"""Of the healer's waits: a cooldown of 9 s."""
COOLDOWN_SECONDS = 180 * HEAL_SCALE
WARM_SECONDS = 32.0
"""Until nothing that was set up counts as a change nearby any more."""
EJECTED_SECONDS, FAILURES = 1.0, 5
CASE_SECONDS = 2.0
RESTART_SECONDS = 10.0
"""After the cooldown and the approval, the process runs again."""
STORY_SECONDS = 120.0
LOOK_SECONDS = 0.05
_REASON = "make drill NAME=heal"

PARTS = ("story", "wiped")

Say = Callable[[str], None]


def run(say: Say, scale: Scale) -> Figures:
    """Do it, each part on a demo of its own, and say what was short."""
    values: dict[str, object] = {}
    short: list[str] = []
    for part in scale.parts or PARTS:
        say(f"{part}:")
        figures = _told(say, scale, is_wiped=part == "wiped")
        values[part] = figures.values
        short += [f"{part}: {one}" for one in figures.short]
    return Figures(values, short)


def _told(say: Say, scale: Scale, *, is_wiped: bool) -> Figures:
    environment = plain_environment() | {"MESH_HEAL_SCALE": str(HEAL_SCALE)}
    with (
        tempfile.TemporaryDirectory(prefix="mesh-heal-") as folder,
        launched(
            Path(folder), "--port", "8100", "--rate", str(scale.rate), environment=environment
        ) as demo,
    ):
        say(f"The demo serves after {demo.ready_seconds:.1f} s; {WARM_SECONDS:.0f} s of traffic.")
        stage = Stage(demo.folder, demo.password, say)
        try:
            return Story(stage, demo.folder, is_wiped=is_wiped).told()
        finally:
            stage.console.close()


class Story:
    """One fault of one instance, from the break to the outcome."""

    def __init__(self, stage: Stage, folder: Path, *, is_wiped: bool) -> None:
        self._stage = stage
        self._is_wiped = is_wiped
        self._folder = folder
        self._pause = threading.Event()
        self._broken_at = 0.0
        self._at: dict[str, float] = {}
        """Seconds after the break at which the case was first seen in each state."""

    def told(self) -> Figures:
        """The whole of it, as figures."""
        self._allow()
        self._pause.wait(WARM_SECONDS)
        cursor = self._stage.console.get("/api/v1/events")["cursor"]
        self._break()
        case = self._stream(cursor)
        ejections = self._until(self._ejections, "callers leave it out", 30.0)
        self._follow(case, {"awaiting_approval"})
        if self._is_wiped:
            self._wipe()
        approved_at = self._approve(case)
        shown = self._follow(case, {"resolved", "escalated", "dismissed", "recovered"})
        return self._judged(case, shown, ejections, approved_at)

    def _allow(self) -> None:
        """Callers eject, and healing may act when somebody says yes."""
        policy = {
            "mode": "approve_all",
            "ejection_mode": "eject",
            "actuator": "process",
            "reason": _REASON,
        }
        self._stage.console.put("/api/v1/healing-policy", policy, version=self._version())

    def _version(self) -> int:
        return int(self._stage.console.get("/api/v1/healing-policy")["version"])

    def _break(self) -> None:
        try:
            said = break_instance(self._stage.demo, SICK, FAULT)
        except CannotBreak as error:
            raise Refused(str(error)) from None
        self._broken_at = time.time()
        self._stage.say(said)

    def _stream(self, cursor: int) -> int:
        """The number of the case, when browsers hear of it."""

        def look() -> int | None:
            events = self._stage.console.get("/api/v1/events", since=cursor, topics="cases")
            for event in events["results"]:
                if event["kind"] == "opened" and event["data"].get("instance") == SICK:
                    return int(event["ref"])
            return None

        found: int = self._until(look, f"a case of {SICK} is in the stream", 30.0)
        self._note("in_stream")
        return found

    def _ejections(self) -> list[dict[str, Any]]:
        """What callers say of it: each of those that leave it out now."""
        found = []
        for service in self._stage.demo.services:
            if service.app == APP:
                continue
            try:
                told = httpx.get(f"{service.sidecar_admin}/config", timeout=5.0).json()
            except (httpx.HTTPError, ValueError):
                continue
            found += [one for one in told.get("ejections", []) if one.get("instance") == SICK]
        return found

    def _follow(self, case: int, until: set[str]) -> dict[str, Any]:
        """Watch the case until it is in one of these states."""
        said = ""

        def look() -> dict[str, Any] | None:
            nonlocal said
            shown: dict[str, Any] = self._stage.console.get(f"/api/v1/cases/{case}")
            self._note(shown["state"])
            words = f"{shown['state']}: {shown['note']}"
            if words != said:
                said = words
                self._stage.say(f"  {time.time() - self._broken_at:5.1f} s  {words}")
            return shown if shown["state"] in until else None

        found: dict[str, Any] = self._until(look, f"it is {' or '.join(sorted(until))}")
        return found

    def _wipe(self) -> None:
        """Let Redis forget everything: queue, hints, ledgers, who is there."""
        with redis.Redis.from_url(f"unix://{self._folder}/redis/redis.sock") as store:
            store.flushall()
        self._stage.say("  Redis was wiped.")

    def _approve(self, case: int) -> float:
        """A person says yes to what was asked; seconds after the break."""
        console = self._stage.console
        asked = console.get("/api/v1/approvals", state="pending")["results"]
        mine = next((one for one in asked if one["case"] == case), None)
        if mine is None:
            raise Refused(f"Nobody is asked about case {case}.")
        word = {"reason": _REASON, "version": mine["version"], "plan_hash": mine["plan_hash"]}
        console.post(f"/api/v1/approvals/{mine['id']}/approve", word)
        self._stage.say(f"  approved: {mine['action']} of {mine['instance']}")
        return time.time() - self._broken_at

    def _until(self, look: Callable[[], Any], what: str, seconds: float = STORY_SECONDS) -> Any:
        ends = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > ends:
                raise Refused(f"After {seconds:.0f} s it never came true that {what}.")
            self._pause.wait(LOOK_SECONDS)

    def _note(self, what: str) -> None:
        self._at.setdefault(what, time.time() - self._broken_at)

    def _judged(
        self, case: int, shown: dict[str, Any], ejections: list[dict[str, Any]], approved_at: float
    ) -> Figures:
        page = self._stage.console.page(f"/api/v1/cases/{case}.md").text
        first = min(ejections, key=lambda one: float(one["since"]))
        effects = effects_of(self._folder / "effects.jsonl")
        steps = shown["remediations"]
        acted = self._at.get("verifying", self._at.get("returning", float("inf")))
        values: dict[str, object] = {
            "ejected_seconds": round(float(first["since"]) - self._broken_at, 2),
            "ejected_by": str(first["rule"]),
            "in_stream_seconds": round(self._at["in_stream"], 2),
            "asked_seconds": round(self._at["awaiting_approval"], 1),
            "approved_seconds": round(approved_at, 1),
            "acted_seconds": round(acted, 1),
            "ended_seconds": round(self._at[shown["state"]], 1),
            "cooldown_seconds": COOLDOWN_SECONDS,
            "outcome": shown["outcome"] or shown["state"],
            "steps": [f"{one['action']} {one['state']}" for one in steps],
            "effects": {one["key"]: effects.get(one["key"], 0) for one in steps},
            "report_lines": len(page.splitlines()),
        }
        return Figures(values, list(self._short(values, page, acted - approved_at)))

    def _short(self, values: dict[str, Any], page: str, restart_seconds: float) -> list[str]:
        short = []
        if values["ejected_seconds"] > EJECTED_SECONDS and values["ejected_by"] != "consecutive":
            short.append(
                f"it was left out after {values['ejected_seconds']} s, and not by {FAILURES} "
                "failures in a row"
            )
        if values["in_stream_seconds"] > CASE_SECONDS:
            short.append(f"its case was in the stream after {values['in_stream_seconds']} s")
        if restart_seconds > RESTART_SECONDS:
            short.append(f"it was restarted {restart_seconds:.1f} s after the approval")
        if values["outcome"] != "resolved":
            short.append(f"the case ended as {values['outcome']}")
        if any(count != 1 for count in values["effects"].values()):
            short.append(f"effects were not once each: {values['effects']}")
        missing = [word for word in (SICK, "approv", "resolved") if word not in page.lower()]
        if missing:
            short.append(f"the report says nothing of {', '.join(missing)}")
        return short
