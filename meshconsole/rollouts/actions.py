"""Which verbs a rollout offers now, before anybody's role is asked."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from meshconsole.access.permissions import Action, require
from meshconsole.rollouts.kinds.levels import power_verb
from meshconsole.rollouts.kinds.policies import wanted_of
from meshconsole.rollouts.models import MESH, Rollout
from meshconsole.rollouts.states import OWNING, TERMINAL, RolloutState
from meshconsole.rollouts.typed import confirm_check

_S = RolloutState
_BEGUN = frozenset({_S.PROGRESSING, _S.SOAKING, _S.PAUSED})
_ALLOWED: dict[str, frozenset[RolloutState]] = {
    "rollout_plan": frozenset({_S.DRAFT, _S.PREVIEWED}),
    "rollout_start": frozenset({_S.PREVIEWED}),
    "rollout_approve": frozenset({_S.AWAITING_APPROVAL}),
    "rollout_promote": frozenset({_S.SOAKING, _S.PAUSED}),
    "rollout_pause": frozenset({_S.PROGRESSING, _S.SOAKING}),
    "rollout_resume": frozenset({_S.PAUSED}),
    "rollout_abort": frozenset({*_S} - TERMINAL - {_S.ROLLING_BACK, _S.STUCK}),
    "rollout_rollback": _BEGUN | {_S.STUCK},
}
_DANGER = {"rollout_start", "rollout_abort", "rollout_rollback"}


def rollout_actions(row: Rollout, username: str) -> list[Action]:
    """What may be done with it in its state; a start that the whole mesh feels asks for its name
    to be typed."""
    return [
        Action(
            name,
            blocked=_blocked(row, name, username),
            danger=name in _DANGER,
            confirm=_confirm(row) if name == "rollout_start" else "",
        )
        for name in _ALLOWED
    ]


def _blocked(row: Rollout, name: str, username: str) -> str:
    if name == "rollout_pause" and row.braked_by:
        return ""  # to wait for a person, and not for the brake to be let go
    if row.state not in _ALLOWED[name]:
        return f"The rollout is {row.state.replace('_', ' ')}."
    if name == "rollout_approve" and username in (row.created_by, row.started_by):
        return "Somebody else has to approve what you asked for."
    return ""


def _confirm(row: Rollout) -> str:
    """What has to be typed: the application's name for strict, the mesh's for all of the mesh."""
    if row.application != MESH:
        return row.application if row.spec.get("to") == "strict" else ""
    return str(settings.MESH_TRUST_DOMAIN)


def start_check(row: Rollout, typed: str) -> None:
    """Raise Invalid unless what a start asks for was typed; one that has begun asks for nothing."""
    if row.state in _ALLOWED["rollout_start"]:
        confirm_check(_confirm(row), typed)


def approver_check(user: Any, pk: int) -> None:
    """Raise Forbidden for whoever may approve rollouts, and may not do by hand what this one does:
    a rollout is no way round a role."""
    row = Rollout.objects.filter(pk=pk).first()
    verb = _by_hand(row) if row is not None else ""
    if verb:
        require(user, verb)


def _by_hand(row: Rollout) -> str:
    """What a person who took its steps would need to be allowed to; empty for nothing more."""
    if row.kind == "ca_rotation":
        return "authority_sign_with"
    return power_verb(*wanted_of(row.spec)) if row.kind == "healing_mode" else ""


def is_open(row: Rollout) -> bool:
    """Does it own what it changes just now?"""
    return row.state in OWNING
