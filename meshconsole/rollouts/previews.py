"""A preview as its page shows it: waves by unit, gates with their bounds, blockers with links."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from django.urls import reverse

from meshconsole.inventory.models import Application, Instance
from meshconsole.rollouts.charts import title_of
from meshconsole.rollouts.differences import ERROR_BOUND, P50_SHARE, P99_SECONDS, P99_SHARE
from meshconsole.rollouts.facts import HARD, METRICS
from meshconsole.rollouts.gates import (
    CPU_SHARE,
    EJECTIONS_MORE,
    HANDSHAKE_COUNT,
    HANDSHAKE_SHARE,
    MEMORY_SHARE,
)
from meshconsole.rollouts.kinds.registry import kind_of
from meshconsole.rollouts.models import Wave
from meshconsole.rollouts.planning import Preview

NAMES = 100
"""Instances of a wave that are shown by name."""
_BOUNDS = {
    "error_rate": f"at most {100 * ERROR_BOUND:.1f} points more than before and than elsewhere",
    "p99": f"at most {100 * P99_SHARE:.0f}% or {1000 * P99_SECONDS:.0f} ms slower",
    "p50": f"at most {100 * P50_SHARE:.0f}% slower",
    "cut": "none",
    "handshakes": f"at most {HANDSHAKE_COUNT} on an edge in a minute, "
    f"{100 * HANDSHAKE_SHARE:.1f}% of many",
    "plaintext": "none",
    "acks": "every sidecar of the wave has it in force",
    "ejections": f"at most {EJECTIONS_MORE} more than in the control group",
    "memory": f"at most {100 * MEMORY_SHARE:.0f}% more",
    "cpu": f"at most {100 * CPU_SHARE:.0f}% more",
}
_PLACES = {
    "tls_mode": ("encryption:application", "See who and what"),
    "route_table": ("steering:route", "Route of {}"),
}
_WITHOUT = {"tls_mode": "encryption:mesh", "ca_rotation": "encryption:certificates"}
"""Where to look when no application is named."""
_WORDS = re.compile(r"[A-Za-z0-9_.\-]+")


def waves_previewed(preview: Preview) -> list[dict[str, Any]]:
    """Every wave with how many of its instances stand in each unit."""
    names = {name for wave in preview.waves for name in wave["instances"]}
    rows = Instance.objects.filter(instance_id__in=names)
    units = dict(rows.values_list("instance_id", "unit__name"))
    return [
        wave
        | {
            "count": len(wave["instances"]),
            "named": wave["instances"][:NAMES],
            "more": max(0, len(wave["instances"]) - NAMES),
            "units": sorted(Counter(units.get(name, "") for name in wave["instances"]).items()),
        }
        for wave in preview.waves
    ]


def gates_told(preview: Preview) -> list[dict[str, Any]]:
    """The gates that judge its waves, with what they allow and in which stages they look."""
    kind = kind_of(preview.kind)
    stages = list(dict.fromkeys(wave["stage"] for wave in preview.waves))
    judged = {stage: kind.gates(Wave(stage=stage)) for stage in stages}
    told = []
    for metric in METRICS:
        where = [stage for stage in stages if metric in judged[stage].metrics]
        if where:
            told.append(
                {
                    "title": title_of(metric),
                    "bound": _BOUNDS[metric],
                    "is_hard": metric in HARD,
                    "stages": where if len(where) < len(stages) else [],
                }
            )
    return told


def blockers_linked(preview: Preview) -> list[dict[str, str]]:
    """Each sentence with where to look at it: the instance, its callers or the application."""
    words = {word for told in preview.blockers for word in _words(told)}
    instances = set(
        Instance.objects.filter(instance_id__in=words).values_list("instance_id", flat=True)
    )
    apps = set(Application.objects.filter(name__in=words).values_list("name", flat=True))
    return [{"sentence": told} | _link(told, preview, instances, apps) for told in preview.blockers]


def _link(told: str, preview: Preview, instances: set[str], apps: set[str]) -> dict[str, str]:
    words, application = _words(told), preview.application
    instance = next((word for word in words if word in instances), "")
    if instance:
        return {"href": reverse("front:instance", args=[instance]), "next": instance}
    # A sentence names the caller before the application that it calls.
    named = [word for word in words if word in apps]
    app = application or (named[-1] if named else "")
    href, word = _PLACES.get(preview.kind, ("front:application", "See {}"))
    if not app:
        return {"href": reverse(_WITHOUT.get(preview.kind, "discovery:sidecars")), "next": "See it"}
    return {"href": reverse(href, args=[app]), "next": word.format(app)}


def _words(told: str) -> list[str]:
    return [word.strip(".") for word in _WORDS.findall(told)]
