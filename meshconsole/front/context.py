"""What the frame around every page shows: the mesh, its padlock, the places to go."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from meshconsole.core.errors import Degraded
from meshconsole.core.templatetags.mesh import padlock_status
from meshconsole.healing.approvals.selectors import approvals_pending
from meshconsole.healing.guards.selectors import kill_switches
from meshconsole.healing.models import KillSwitch
from meshconsole.live.selectors import cursor_now
from meshconsole.telemetry.selectors import encrypted_share

ENCRYPTED_MINUTES = 5
_KEPT_SECONDS = 2.0
_BRAKES = 20


@dataclass(frozen=True)
class Place:
    """One entry of the navigation."""

    name: str
    icon: str
    key: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class Chrome:
    """The frame's facts; `encrypted` is None without traffic and while degraded."""

    mesh: str
    is_demo: bool
    encrypted: float | None
    degraded: bool
    cursor: int
    brakes: list[KillSwitch]
    waiting: int
    """Approvals that wait for people."""
    nav: list[dict[str, Any]]


_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "Watch",
        (
            ("Overview", "overview", "h", "front:overview"),
            ("Topology", "topology", "t", "telemetry:topology"),
            ("Live feed", "feed", "l", "healing:feed"),
            ("Cases", "healing", "c", "healing:cases"),
        ),
    ),
    (
        "Mesh",
        (
            ("Applications", "applications", "a", "front:applications"),
            ("Units", "units", "u", "front:units"),
            ("Instances", "instances", "i", "front:instances"),
        ),
    ),
    (
        "Change",
        (
            ("Rollouts", "rollouts", "o", "rollouts:rollouts"),
            ("Routes", "routes", "r", "steering:routes"),
            ("Encryption", "lock-closed", "e", "encryption:mesh"),
            ("Sidecars", "sidecars", "s", "discovery:sidecars"),
        ),
    ),
    (
        "Decide",
        (
            ("Approvals", "approvals", "p", "healing:approvals"),
            ("Automation", "guard", "m", "healing:automation"),
            ("Notices", "feed", "n", "healing:notices"),
        ),
    ),
    ("Record", (("Audit", "audit", "d", "audit:entries"),)),
)
_OF_DEMO = ("Demo", (("Faults", "warn", "b", "demo:faults"),))


def chrome(request: HttpRequest) -> dict[str, Any]:
    """`chrome`, made only where a template asks for it."""
    return {"chrome": SimpleLazyObject(lambda: _chrome(request))}


def _chrome(request: HttpRequest) -> Chrome:
    encrypted, degraded = encrypted_now()
    return Chrome(
        mesh=settings.MESH_TRUST_DOMAIN,
        is_demo=settings.MESH_DEMO,
        encrypted=encrypted,
        degraded=degraded,
        cursor=cursor_now(),
        brakes=list(kill_switches()[:_BRAKES]),
        waiting=approvals_pending(timezone.now()).count(),
        nav=[
            {"title": title, "places": [_place(request.path, *place) for place in places]}
            for title, places in (*_GROUPS, *((_OF_DEMO,) if settings.MESH_DEMO else ()))
        ],
    )


def _place(path: str, name: str, icon: str, key: str, route: str) -> Place:
    url = reverse(route)
    is_current = path == url if url == "/" else path.startswith(url)
    return Place(name, icon, key, url, is_current)


class _Kept:
    """A figure of every page, asked of Redis every two seconds at most per process."""

    def __init__(self, read: Callable[[], float | None]) -> None:
        self._read = read
        self._until = 0.0
        self._found: tuple[float | None, bool] = (None, False)

    def __call__(self) -> tuple[float | None, bool]:
        """The figure, and whether it could not be read."""
        now = time.monotonic()
        if now >= self._until:
            try:
                self._found = (self._read(), False)
            except Degraded:
                self._found = (None, True)
            self._until = now + _KEPT_SECONDS
        return self._found

    def forget(self) -> None:
        """Ask again next time."""
        self._until = 0.0


def padlock_shown() -> str:
    """What people see of the mesh's padlock now: when it changes, their pages fetch it again."""
    encrypted, degraded = encrypted_now()
    return f"{padlock_status(encrypted)}{degraded}"


@require_safe
def padlock(request: HttpRequest) -> HttpResponse:
    """The padlock of the frame again, and whether it could be read."""
    return render(request, "front/_padlock.html")


encrypted_now = _Kept(lambda: encrypted_share(minutes=ENCRYPTED_MINUTES))
