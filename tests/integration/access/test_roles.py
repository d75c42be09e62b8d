"""Every address, every method, every role: refused unless a verb says otherwise.

The table is made from the URL configuration itself: a new address is in it from its first day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from meshconsole.access.roles import VERBS, VIEW, Role

pytestmark = pytest.mark.django_db
PUBLIC = {"livez", "readyz", "metrics", "login", "logout", "approval_link"}
ROLES = ("nobody", "stranger", "viewer", "operator", "approver", "admin")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _patterns(
    resolver: URLResolver, prefix: str = "", room: str = ""
) -> Iterator[tuple[str, URLPattern, str]]:
    for one in resolver.url_patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _patterns(one, path, one.namespace or room)
        else:
            yield path, one, room


ALL = list(_patterns(get_resolver()))


def _concrete(path: str) -> str:
    filled = re.sub(r"<int:\w+>", "1", path.replace("$", ""))
    return "/" + re.sub(r"<[^>]+>", "nothing-here", filled)


def _needed(view: Any, method: str) -> Role | None:
    """The least role; None when nobody may."""
    kind = getattr(view, "cls", None)
    if kind is not None:
        has = hasattr(kind, method.lower())
        verb = getattr(kind, "verbs", {}).get(method, VIEW if method == "GET" or not has else "")
    else:
        verb = VIEW if method == "GET" else getattr(view, "mesh_verb", "")
    return VERBS.get(verb)


def test_every_verb_that_is_named_exists() -> None:
    for path, pattern, _ in ALL:
        verbs = getattr(getattr(pattern.callback, "cls", None), "verbs", {})
        assert set(verbs.values()) <= set(VERBS), path


def test_only_the_known_doors_are_open_to_everybody() -> None:
    is_open = {
        pattern.name
        for _, pattern, _ in ALL
        if not getattr(pattern.callback, "login_required", True)
        and not hasattr(pattern.callback, "cls")
    }
    assert is_open <= PUBLIC


@pytest.mark.parametrize("role", ROLES)
def test_the_table_of_addresses_methods_and_roles(
    role: str, client: Client, person: Callable[[str], User]
) -> None:
    client.raise_request_exception = False
    if role != "nobody":
        client.force_login(person(role))
    mine = Role[role] if role in Role.__members__ else Role.none
    deviations = []
    for path, pattern, room in ALL:
        if pattern.name in PUBLIC:
            continue
        for method in METHODS:
            answer = client.generic(method, _concrete(path), b"", "application/json")
            needed = _needed(pattern.callback, method)
            allowed = needed is not None and mine >= needed
            refused = answer.status_code in (401, 403) or (
                answer.status_code == 302 and "/login" in answer["Location"]
            )
            if refused is allowed or answer.status_code == 500:
                deviations.append((method, room, path, answer.status_code, allowed))
    assert deviations == []
    assert len(ALL) > 30
