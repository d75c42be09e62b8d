"""Rows on a terminal: as a table for people, as JSON or YAML for programs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

COLUMNS: dict[str, tuple[str, ...]] = {
    "applications": ("name", "tier", "serving_count", "instance_count", "groups", "version"),
    "units": ("name", "kind", "serving_count", "instance_count", "version"),
    "groups": ("application", "name", "serving_count"),
    "interfaces": ("application", "name"),
    "instances": ("id", "application", "unit", "group", "address", "state", "source"),
    "routes": ("application", "version", "split", "updated_at"),
    "certificates": ("uri", "serial", "authority", "purpose", "ends_at"),
    "authorities": ("generation", "state", "signer", "location", "signs_from", "ends_at"),
    "rollouts": ("id", "kind", "application", "state", "passed_count", "wave_count", "note"),
    "approvals": ("id", "state", "action", "instance", "needed", "expires_at"),
    "sidecars": ("instance", "application", "unit", "state", "v"),
    "audit": ("sequence", "at", "actor", "verb", "object", "reason"),
    "cases": ("id", "instance", "app", "unit", "state", "rung", "outcome", "note"),
    "anomalies": (
        "id",
        "state",
        "scope",
        "subject_instance",
        "subject_app",
        "rule",
        "errors_total",
        "reporter_count",
        "last_at",
    ),
    "anomaly-reports": (
        "id",
        "received_at",
        "reporter_instance",
        "origin",
        "subject_instance",
        "scope",
        "rule",
        "phase",
        "n",
    ),
    "anomaly-quarantine": ("reporter_instance", "reason", "report_count", "last_at", "detail"),
    "tokens": ("id", "name", "role", "prefix", "expires_at", "used_at", "revoked_at"),
}
"""The kinds that `get` knows, and the columns of their tables."""


class Form(StrEnum):
    """How to print."""

    table = "table"
    json = "json"
    yaml = "yaml"


def rows_print(kind: str, rows: Sequence[dict[str, Any]], form: Form) -> None:
    """A list."""
    if form is not Form.table:
        value_print(list(rows), form)
        return
    wanted = COLUMNS.get(kind, ())
    columns = [name for name in wanted if not rows or name in rows[0]] or list(rows[0])[:6]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name.upper().replace("_", " "))
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in columns))
    Console(soft_wrap=True).print(table)


def value_print(value: Any, form: Form) -> None:
    """One object; as YAML unless JSON is asked for."""
    if form is Form.json:
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        print(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), end="")


def plan_print(plan: dict[str, Any], *, diff: bool = False) -> None:
    """What an apply did or would do."""
    for part in plan["plan"]:
        print(f"{part['outcome']:<10} {part['kind']}/{part['name']}")
        if diff and part["outcome"] != "unchanged":
            print("".join(_difference(part)), end="")
    changed = sum(part["outcome"] != "unchanged" for part in plan["plan"])
    done = "applied" if plan["applied"] else "would change"
    print(f"{changed} of {len(plan['plan'])} documents {done}.")


def _difference(part: dict[str, Any]) -> list[str]:
    before, after = (_lines(part[side]) for side in ("before", "after"))
    lines = difflib.unified_diff(before, after, "now", "document", n=2)
    return [f"  {line}" for line in lines]


def _lines(value: Any) -> list[str]:
    if not value:
        return []
    return yaml.safe_dump(value, sort_keys=True, allow_unicode=True).splitlines(keepends=True)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
