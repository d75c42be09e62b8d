"""What the admin door shows and does: the pages of one process."""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import TYPE_CHECKING

from proxy import __version__
from proxy.admin import BodyDoor, Door, Doors, Page, SlowDoor, json_page, metrics_page
from proxy.balancing.weights import STEPS
from proxy.compiled import engine
from proxy.current import Member
from proxy.errors import Refusal
from proxy.settings import MeshSettings
from proxy.snapshot_file import InvalidSnapshot
from proxy.stall import STALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.assembly import Process
    from proxy.metrics.text import Family
    from proxy.metrics.upstreams import Upstreams


HEAD_LIMIT = 32 * 1024
"""Bytes of a head to explain, with room for one that is too long to be served."""


class Pages:
    """Reads a process when it is asked. What few sidecars are ever asked for is loaded when they
    are."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._upstreams: Upstreams | None = None

    def doors(self) -> Doors:
        """Every page by its path."""
        return {
            b"/livez": Door(b"GET", lambda: json_page({"alive": True})),
            b"/readyz": Door(b"GET", self._ready),
            b"/stats": Door(b"GET", self._stats),
            b"/metrics": Door(b"GET", self._metrics),
            b"/config": Door(b"GET", self._config),
            b"/explain": BodyDoor(b"POST", HEAD_LIMIT, self._explain),
            b"/reload": SlowDoor(b"POST", self._reload),
            b"/drain": Door(b"POST", self._drain),
            b"/upgrade": Door(b"POST", self._upgrade),
            b"/renew": Door(b"POST", self._renew),
        }

    def _ready(self) -> Page:
        ready = self._process.ready
        return json_page({"ready": ready}, 200 if ready else 503)

    def _stats(self) -> Page:
        process = self._process
        return json_page(
            {
                "version": __version__,
                "pid": os.getpid(),
                "up_seconds": round(monotonic() - process.began, 1),
                "draining": process.server.draining,
                "tasks": len(asyncio.all_tasks()),
                "control": process.control.status(),
                "encryption": process.inbound.state() if process.inbound is not None else None,
                "handover": process.passage.status(),
                "workers": process.crew.status() if process.crew is not None else [],
                "ejections": process.warden.told(),
                "panics": process.warden.panics,
                "stalls": STALL.seen,
                "revision": process.current.v,
                "digest": process.current.digest,
                "listeners": {
                    listener.name: {
                        "callers": sum(listener.open_callers),
                        "accepted": listener.accepted,
                        "turned_away": listener.turned_away,
                        "refusals": listener.refusals,
                        "retries_refused": listener.retries_refused,
                        "log_lines_dropped": listener.access_log.dropped
                        if listener.access_log
                        else 0,
                        "endpoints": [member_shown(member) for member in listener.members()],
                    }
                    for listener in process.server.listeners
                },
                "edges": process.windows.totals(),
            }
        )

    def _metrics(self) -> Page:
        from proxy.metrics.footprint import footprint
        from proxy.metrics.healing import healing_of
        from proxy.metrics.page import Seen, exposition
        from proxy.metrics.upstreams import Upstreams

        process = self._process
        settings = process.settings
        app, unit = (
            (settings.app, settings.unit) if isinstance(settings, MeshSettings) else ("", "")
        )
        ends = process.control.status().get("certificate_not_after")
        seen = Seen(
            totals=process.windows.totals(),
            listeners=process.server.listeners,
            app=app,
            unit=unit,
            revision=process.current.v,
            applied_at=process.current.applied_at,
            certificate_not_after=ends if isinstance(ends, float) else None,
            loop_late_seconds=process.server.late_seconds,
            draining=process.server.draining,
            links=tuple(process.ledger.sums()),
            more=[*footprint(), *self._gate(), *healing_of(process.warden, STALL)],
        )
        self._upstreams = self._upstreams or Upstreams()
        text = exposition(seen, self._upstreams)
        return metrics_page(text + (process.crew.exposition() if process.crew is not None else ""))

    def _gate(self) -> Iterator[Family]:
        from proxy.metrics.encryption import gate_of

        side = self._process.inbound
        return iter(()) if side is None else gate_of(side.gate, side.state())

    def _config(self) -> Page:
        from proxy.redaction import settings_shown

        current = self._process.current
        return json_page(
            {
                "revision": current.v,
                "digest": current.digest,
                "engine": engine(),
                "settings": settings_shown(self._process.settings),
                "snapshot": current.snapshot,
                "links": self._process.ledger.told(),
                "ejections": self._process.warden.told(),
            }
        )

    def _explain(self, query: bytes, head: bytes) -> Page:
        from proxy.explain import explained

        process = self._process
        name = query.partition(b"listener=")[2].partition(b"&")[0].decode("latin-1")
        return json_page(explained(process.server.listeners, name, head, process.current.v))

    async def _reload(self) -> Page:
        process = self._process
        if process.file is None:
            raise Refusal(409, "NR", "Only a stand-alone proxy with --snapshot reads a file again.")
        try:
            changed = process.file.load()
        except InvalidSnapshot as error:
            kept = process.current.v
            return json_page({"changed": False, "revision": kept, "faults": error.faults}, 422)
        said = {"changed": changed, "revision": process.current.v, "digest": process.current.digest}
        return json_page(said | {"in_step": await process.in_step()})

    def _upgrade(self) -> Page:
        return json_page({"upgrading": True, "pid": self._process.passage.upgrade()}, 202)

    def _renew(self) -> Page:
        if not self._process.control.renew():
            why = "No console is connected that could sign another certificate; ask again later."
            raise Refusal(409, "NR", why)
        return json_page({"renewing": True}, 202)

    def _drain(self) -> Page:
        asyncio.get_running_loop().call_soon(self._process.stop)
        return json_page({"draining": True}, 202)


def member_shown(member: Member) -> dict[str, object]:
    """An endpoint, for /stats."""
    stats = member.stats
    return {
        "service": stats.service,
        "id": member.endpoint.id,
        "addr": member.endpoint.addr,
        "group": member.endpoint.group,
        "unit": member.endpoint.unit,
        "weight": member.endpoint.weight,
        "attempts": stats.attempts,
        "answered": stats.answered,
        "errors": {error: n for error, n in stats.errors().items() if n},
        "in_flight": stats.in_flight,
        "strays": stats.strays,
        "connections": member.opened,
        "idle": member.idle,
        "waiting": member.waiting,
        "retries": stats.retries,
        "overflows": stats.overflow,
        "circuit": member.circuit(monotonic()),
        "share": member.steps / STEPS,
        "excused": stats.excused,
        "unreachable_because": member.why,
    }
