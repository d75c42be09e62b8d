"""What may be done to an application's links and to the authority, by whom, and why not."""

from __future__ import annotations

from typing import Any

from meshconsole.access.permissions import Action, AllowedAction, allowed_actions
from meshconsole.encryption.models import Authority
from meshconsole.encryption.selectors import Evidence
from meshconsole.encryption.standing import Standing
from meshconsole.encryption.states import AuthorityState


def encryption_actions(user: Any, standing: Standing) -> list[AllowedAction]:
    """On one application."""
    blocked = ""
    if not any(one.has_sidecar for one in standing.instances):
        blocked = "No instance with a sidecar is here yet."
    return allowed_actions(
        user,
        [
            Action("preview"),
            Action("encryption_set", blocked=blocked),
            Action("encryption_force", blocked=blocked, danger=True, confirm=standing.application),
        ],
    )


def authority_actions(user: Any, row: Authority, evidence: Evidence | None) -> list[AllowedAction]:
    """On one generation; `evidence` is only looked at where it decides."""
    return allowed_actions(
        user,
        [
            Action(
                "authority_sign_with",
                blocked=_not_signing(row, evidence),
                danger=True,
                confirm=row.trust_domain,
            ),
            Action(
                "authority_retire",
                blocked=_not_retiring(row, evidence),
                danger=True,
                confirm=row.trust_domain,
            ),
        ],
    )


def _not_signing(row: Authority, evidence: Evidence | None) -> str:
    if row.state != AuthorityState.TRUSTED:
        return f"Generation {row} is {row.state}."
    return "" if evidence is None else _missing(evidence, evidence.not_trusting, "trust it yet")


def _not_retiring(row: Authority, evidence: Evidence | None) -> str:
    if row.state == AuthorityState.SIGNING:
        return "It signs: sign with another generation first."
    if row.state != AuthorityState.TRUSTED:
        return f"Generation {row} is {row.state}."
    if evidence is None or (evidence.is_known and not evidence.holding):
        return ""
    if not evidence.is_known:
        return _missing(evidence, (), "")
    return f"{len(evidence.holding)} of {evidence.sidecars} sidecars may hold a certificate of it."


def _missing(evidence: Evidence, names: tuple[str, ...], what: str) -> str:
    if not evidence.is_known:
        return "What sidecars trust is not known just now."
    if not names:
        return ""
    return f"{len(names)} of {evidence.sidecars} sidecars do not {what}."
