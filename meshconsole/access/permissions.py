"""One place that says yes or no, with the reason in words: for the API, the pages and buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from meshconsole.access.roles import VERBS, VIEW, Role, role_of
from meshconsole.core.errors import Forbidden

if TYPE_CHECKING:
    from rest_framework.views import APIView

F = TypeVar("F", bound=Callable[..., Any])


class AllowedAction(TypedDict):
    """One button, as the page, the API and the command line show it."""

    name: str
    enabled: bool
    reason: str
    danger: bool
    confirm: str


@dataclass(frozen=True)
class Verdict:
    """May it be done? When not, `reason` is a sentence for the person who asked."""

    enabled: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.enabled


@dataclass(frozen=True)
class Action:
    """A verb offered for an object; `blocked` says why its state does not allow it now."""

    name: str
    blocked: str = ""
    danger: bool = False
    confirm: str = ""


def can(user: Any, verb: str, obj: Any = None) -> Verdict:
    """May `user` do `verb`? Unknown verbs are refused."""
    needed = VERBS.get(verb)
    if needed is None:
        return Verdict(False, f"Nobody may {verb}: it is not a verb of this console.")
    role = role_of(user)
    if role >= needed:
        return Verdict(True)
    if role is Role.none:
        return Verdict(False, "You have no role here: ask an admin for one.")
    return Verdict(False, f"This needs the role {needed.name}; yours is {role.name}.")


def may_view(user: Any) -> bool:
    """May this user see the mesh at all?"""
    return bool(can(user, VIEW))


def require(user: Any, verb: str, obj: Any = None) -> None:
    """Raise Forbidden with the reason unless `user` may do `verb`."""
    verdict = can(user, verb, obj)
    if not verdict:
        raise Forbidden(verdict.reason)


def allowed_actions(user: Any, actions: Iterable[Action | str]) -> list[AllowedAction]:
    """The buttons of an object for this user: role first, then state."""
    listed = []
    for given in actions:
        action = Action(given) if isinstance(given, str) else given
        verdict = can(user, action.name)
        reason = verdict.reason or action.blocked
        listed.append(
            AllowedAction(
                name=action.name,
                enabled=not reason,
                reason=reason,
                danger=action.danger,
                confirm=action.confirm,
            )
        )
    return listed


def page_verb(verb: str) -> Callable[[F], F]:
    """Say which verb a page's form does; a form of a page that says none is refused."""
    if verb not in VERBS:
        raise ValueError(f"{verb!r} is not in access.roles.VERBS.")

    def marked(view: F) -> F:
        view.mesh_verb = verb  # type: ignore[attr-defined]
        return view

    return marked


class RolePermission(BasePermission):
    """Deny by default: reading needs a role, every other method the verb its view names.

    A view says `verbs = {"PUT": "split_set"}`; a method that it has and does not name is refused,
    one that it does not have is answered with 405 to whoever may read.
    """

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Does the caller's role carry this method's verb?"""
        verbs: dict[str, str] = getattr(view, "verbs", {})
        method = str(request.method)
        is_read = method in SAFE_METHODS or not hasattr(view, method.lower())
        verb = verbs.get(method, VIEW if is_read else "")
        verdict = can(request.user, verb)
        self.message = verdict.reason
        return bool(verdict)
