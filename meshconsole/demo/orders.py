"""What the supervisor does when it is asked: each key once, and nothing for a stale fence."""

from __future__ import annotations

import asyncio
from typing import Protocol

from meshconsole.demo.children import Process
from meshconsole.demo.effects import Effects, Entry
from meshconsole.demo.supervisor import NoSuchChild, NotReady, Supervisor
from meshconsole.healing.guards.supervision import Answer, Ask, Part
from proxy.aio import spawn

ANSWER_SECONDS = 8.0
"""An order that takes longer is answered with `running` and goes on."""


class Crew(Protocol):
    """Which children an instance consists of, and how one takes the place of another."""

    def child_of(self, instance: str, part: Part) -> str | None:
        """The name of a child; None when there is no such instance."""

    def successor(self, instance: str) -> str:
        """A name that no instance had before."""

    async def replace(self, instance: str, successor: str) -> None:
        """Start `successor` in the place of an instance that has ended; raises NotReady."""


class Orders:
    """Takes orders, and remembers them in the log of effects."""

    def __init__(self, keep: Supervisor, crew: Crew, effects: Effects) -> None:
        self._keep = keep
        self._crew = crew
        self._effects = effects
        self._work: dict[str, asyncio.Task[None]] = {}
        """By instance: one order at a time."""

    def recover(self) -> None:
        """End what a killed supervisor had begun: its children ended with it and run anew now."""
        for entry in self._effects.open_entries():
            for part in entry.parts:
                if part not in entry.happened:
                    now = "" if entry.action == "remove" else self._mark(entry.instance, part)
                    self._effects.happened(entry, part, was="", now=now)
            self._effects.ended(
                entry,
                "done",
                "The supervisor was started anew meanwhile, and with it all it keeps.",
            )

    async def answer(self, ask: Ask) -> Answer:
        """Do or tell what was asked."""
        entry = self._effects.entries.get(ask.key) if ask.key else None
        if entry is None and self._crew.child_of(ask.instance, "process") is None:
            return _no("unknown_instance", f"No instance {ask.instance!r} runs here.")
        match ask.verb:
            case "look":
                return Answer(parts=self._parts(ask.instance))
            case "hold" | "release":
                return await self._held(ask)
        if problem := self._problem(ask, entry):
            return problem
        self._effects.fenced(ask.instance, ask.fence)
        if ask.verb == "status":
            return self._told(ask.instance, entry)
        return await self._ordered(ask, entry)

    async def _held(self, ask: Ask) -> Answer:
        try:
            name = self._child(ask.instance, ask.part)
            if ask.verb == "hold":
                await self._keep.hold(name)
            elif self._keep.running(name) is None:
                await self._keep.restart(name)
        except (NoSuchChild, TimeoutError) as error:
            return _no("unknown_instance", str(error))
        return Answer(state="done", parts=self._parts(ask.instance))

    def _problem(self, ask: Ask, entry: Entry | None) -> Answer | None:
        if not ask.key or (ask.verb == "order" and not ask.action):
            return _no("malformed", "An order has a key and an action, a status a key.")
        if ask.fence < (seen := self._effects.fence(ask.instance)):
            return _no(
                "stale_fence", f"Fence {ask.fence} is older than {seen}: somebody took this over."
            )
        if entry and (
            entry.instance != ask.instance or entry.action != (ask.action or entry.action)
        ):
            return _no("malformed", f"The key {ask.key} was given to another order.")
        return None

    async def _ordered(self, ask: Ask, entry: Entry | None) -> Answer:
        work = self._work.get(ask.instance)
        if entry is None:
            if work is not None and not work.done():
                return _no("busy", f"Another order on {ask.instance} is being carried out.")
            successor = self._crew.successor(ask.instance) if ask.action == "remove" else ""
            entry = self._effects.begun(
                instance=ask.instance, key=ask.key, action=ask.action, replacement=successor
            )
            work = spawn(self._carried_out(entry), name=f"order-{ask.instance}")
            self._work[ask.instance] = work
        if work is not None and entry.state == "running":
            await asyncio.wait({work}, timeout=ANSWER_SECONDS)
        return self._told(ask.instance, entry)

    async def _carried_out(self, entry: Entry) -> None:
        try:
            if entry.action == "remove":
                detail = await self._removed(entry)
            else:
                detail = await self._restarted(entry)
        except (NoSuchChild, TimeoutError, OSError) as error:
            self._effects.ended(entry, "failed", str(error) or "It did not end or start in time.")
        else:
            self._effects.ended(entry, "done", detail)

    async def _restarted(self, entry: Entry) -> str:
        for part in entry.parts:
            was = self._mark(entry.instance, part)
            process = await self._keep.restart(self._child(entry.instance, part))
            self._effects.happened(entry, part, was=was, now=mark(process))
        return f"Restarted: {', '.join(entry.parts)} of {entry.instance}."

    async def _removed(self, entry: Entry) -> str:
        for part in entry.parts:
            was = self._mark(entry.instance, part)
            await self._keep.close(self._child(entry.instance, part))
            self._effects.happened(entry, part, was=was, now="")
        try:
            await self._crew.replace(entry.instance, entry.replacement)
        except (NotReady, OSError) as error:
            return f"Stopped for good; {entry.replacement} is not ready in its place: {error}"
        return f"Stopped for good; {entry.replacement} runs in its place."

    def _told(self, instance: str, entry: Entry | None) -> Answer:
        parts = self._parts(instance)
        if entry is None:
            return Answer(detail="This key was never given here.", parts=parts)
        return Answer(
            state=entry.state, detail=entry.detail, effects=entry.effects,
            replacement=entry.replacement, parts=parts,
        )  # fmt: skip

    def _parts(self, instance: str) -> dict[str, str]:
        parts: tuple[Part, ...] = ("process", "sidecar")
        marks = {part: self._mark(instance, part) for part in parts}
        return {part: text for part, text in marks.items() if text}

    def _child(self, instance: str, part: Part) -> str:
        name = self._crew.child_of(instance, part)
        if name is None:
            raise NoSuchChild(f"No instance {instance!r} runs here.")
        return name

    def _mark(self, instance: str, part: Part) -> str:
        name = self._crew.child_of(instance, part)
        if name is None:
            return ""
        try:
            return mark(self._keep.running(name))
        except NoSuchChild:
            return ""


def mark(process: Process | None) -> str:
    """`pid@start` of a process, by which it is told from the one that comes after it."""
    return f"{process.pid}@{process.started_at:.3f}" if process else ""


def _no(problem: str, detail: str) -> Answer:
    return Answer(problem=problem, detail=detail)  # type: ignore[arg-type]
