"""What the form of the wizard offers, by kind: applications, modes, groups, versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count

from meshconsole.healing.guards.selectors import policy_of
from meshconsole.inventory.models import Application, Instance, Source
from meshconsole.rollouts.kinds.levels import LEVELS, Part
from meshconsole.rollouts.kinds.registry import KINDS
from meshconsole.rollouts.models import MESH
from meshconsole.rollouts.pages import kind_word
from meshconsole.steering.selectors import route_for, target_of

MESH_WIDE = frozenset({"tls_mode", "ca_rotation", "sidecar_version", "healing_mode"})
"""Kinds that may concern no single application."""
MESH_ONLY = frozenset({"ca_rotation"})
"""Those of them that always concern all of the mesh."""
TLS_MODES = (
    ("permissive", "Permissive", "Takes TLS and plaintext; callers are not offered TLS yet."),
    ("preferred", "Preferred", "Takes both; callers that can dial TLS do."),
    ("strict", "Strict", "Refuses plaintext. Needs quiet: no plaintext for ten minutes."),
    ("plaintext", "Plaintext", "The way back: callers leave TLS first, then it is switched off."),
)

HEALING_LEVELS = {
    "off": "Callers judge nobody.",
    "report": "Callers say who fails, and send to it all the same.",
    "weight": "Who fails keeps a small share of its requests.",
    "eject": "Who fails is left out until it answers again.",
    "observe": "The healer follows cases and touches nothing.",
    "approve_all": "It acts when a person has approved each action.",
    "auto": "It acts by itself where every gate passes, and asks elsewhere.",
}
_PARTS: tuple[tuple[Part, str], ...] = (
    ("ejection_mode", "Ejection by callers"), ("mode", "Healing by the console"),
)  # fmt: skip


def kinds_offered() -> list[tuple[str, str]]:
    """Name and word of every kind that there is."""
    return [(name, kind_word(name)) for name in KINDS]


def applications_offered(kind: str) -> list[tuple[str, str]]:
    """Name and word of what a rollout of this kind may concern."""
    mesh = [(MESH, "The whole mesh")] if kind in MESH_WIDE else []
    if kind in MESH_ONLY:
        return mesh
    names = Application.objects.order_by("name").values_list("name", flat=True)
    # A mesh-wide change is chosen on purpose, so an application comes first where there is one.
    return [*((name, name) for name in names), *mesh]


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
    if kind == "sidecar_version":
        return {
            "fields": "rollouts/_fields_version.html",
            "version": form.get("version", ""),
            "versions": _versions(application),
            "is_by_operator": form.get("by") == "operator",
        }
    if kind == "healing_mode":
        return {"fields": "rollouts/_fields_healing.html", "parts": _levels(application, form)}
    return {"fields": ""}


def _levels(application: str, form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Both parts of a policy with their levels, the one that holds now marked."""
    policy = policy_of(application)
    picked = form.get("level") or next(
        (f"{part}:{form[part]}" for part in LEVELS if form.get(part)), "ejection_mode:weight"
    )
    return [
        {
            "title": title,
            "levels": [
                {
                    "value": f"{part}:{level}",
                    "word": level.replace("_", " ").capitalize(),
                    "text": HEALING_LEVELS[level],
                    "is_now": getattr(policy, part) == level,
                    "is_picked": picked == f"{part}:{level}",
                }
                for level in LEVELS[part]
            ],
        }
        for part, title in _PARTS
    ]


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


def _versions(application: str) -> list[dict[str, Any]]:
    """Versions that sidecars run now, with how many run each."""
    rows = Instance.objects.open().filter(source=Source.SIDECAR)
    if application:
        rows = rows.filter(application__name=application)
    counted = rows.values("sidecar_version").annotate(count=Count("pk")).order_by("-count")
    return [{"name": row["sidecar_version"] or "unknown", "count": row["count"]} for row in counted]
