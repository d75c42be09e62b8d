"""What the form of the wizard offers, by kind: applications, modes, groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshconsole.inventory.models import Application
from meshconsole.rollouts.kinds.registry import KINDS
from meshconsole.rollouts.models import MESH
from meshconsole.rollouts.pages import kind_word
from meshconsole.steering.selectors import route_for, target_of

MESH_WIDE = frozenset({"tls_mode", "ca_rotation", "sidecar_version"})
"""Kinds that may concern no single application."""
TLS_MODES = (
    ("permissive", "Permissive", "Takes TLS and plaintext; callers are not offered TLS yet."),
    ("preferred", "Preferred", "Takes both; callers that can dial TLS do."),
    ("strict", "Strict", "Refuses plaintext. Needs quiet: no plaintext for ten minutes."),
    ("plaintext", "Plaintext", "The way back: callers leave TLS first, then it is switched off."),
)


def kinds_offered() -> list[tuple[str, str]]:
    """Name and word of every kind that there is."""
    return [(name, kind_word(name)) for name in KINDS]


def applications_offered(kind: str) -> list[tuple[str, str]]:
    """Name and word of what a rollout of this kind may concern."""
    names = Application.objects.order_by("name").values_list("name", flat=True)
    mesh = [(MESH, "The whole mesh")] if kind in MESH_WIDE else []
    return [*mesh, *((name, name) for name in names)]


def fields_of(kind: str, application: str, form: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the form that is this kind's: its template and what it fills in."""
    if kind == "route_table" and application:
        return {"fields": "rollouts/_fields_route.html", "weights": _weights(application, form)}
    if kind == "tls_mode":
        picked = form.get("to") or "preferred"
        return {
            "fields": "rollouts/_fields_tls.html",
            "modes": [
                {"value": value, "word": word, "text": text, "is_picked": value == picked}
                for value, word, text in TLS_MODES
            ],
        }
    return {"fields": ""}


def _weights(application: str, form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each group with its share now and the one asked for."""
    route = route_for(application)
    target = target_of(application)
    now = {**dict.fromkeys(target.groups, 0), **(route.split if route else {})}
    return [
        {
            "group": group,
            "now": now[group] if route else None,
            "next": form.get(f"weight:{group}", now[group]),
            "serving": target.serving.get(group, 0),
        }
        for group in sorted(now)
    ]
