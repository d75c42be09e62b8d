"""The life of a healing case, as one table.

A case is *observed* with the first report that speaks of one instance. It is *cooling* while the
mesh may mend itself, *confirming* while enough callers are asked for, and *gated* while something
speaks against the planned action. *Awaiting approval*, a person decides. *Draining*, the instance
gets nothing new; *acting*, an actuator does what was planned; *verifying*, it is tested by hand;
*returning*, real traffic tests it. An action that did not help is *failed*, which is left at once:
for the next rung of the ladder, or for a person. *Held*, nothing new begins until a storm, a freeze
or a kill switch is over, and the evidence is confirmed anew.

*Escalated* and *service incident* wait for a person and stay open, so that the same fault makes no
second case: they end when somebody decides, or when nobody reports the fault any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.db.models import TextChoices


class CaseState(TextChoices):
    """What is true of a case now."""

    OBSERVED = "observed"
    COOLING = "cooling"
    CONFIRMING = "confirming"
    GATED = "gated"
    AWAITING_APPROVAL = "awaiting_approval"
    DRAINING = "draining"
    ACTING = "acting"
    VERIFYING = "verifying"
    RETURNING = "returning"
    FAILED = "failed"
    HELD = "held"
    ESCALATED = "escalated"
    SERVICE_INCIDENT = "service_incident"
    RECOVERED = "recovered"
    RESOLVED = "resolved"
    REMOVED = "removed"
    DISMISSED = "dismissed"


class CaseEvent(TextChoices):
    """What happened to it."""

    TAKEN_UP = "taken_up"
    COOLED_DOWN = "cooled_down"
    WENT_QUIET = "went_quiet"
    DISMISSED = "dismissed"
    QUORUM_REACHED = "quorum_reached"
    QUORUM_MISSED = "quorum_missed"
    SERVICE_WIDE = "service_wide"
    REPORTER_BLAMED = "reporter_blamed"
    APPROVAL_NEEDED = "approval_needed"
    AUTO_APPROVED = "auto_approved"
    GATED_TOO_LONG = "gated_too_long"
    APPROVED = "approved"
    REJECTED = "rejected"
    APPROVAL_EXPIRED = "approval_expired"
    EVIDENCE_GONE = "evidence_gone"
    PLAN_CHANGED = "plan_changed"
    DRAINED = "drained"
    ACTED = "acted"
    ACT_FAILED = "act_failed"
    REMOVED = "removed"
    VERIFIED = "verified"
    VERIFY_FAILED = "verify_failed"
    RESOLVED = "resolved"
    RELAPSED = "relapsed"
    NEXT_RUNG = "next_rung"
    LADDER_ENDED = "ladder_ended"
    HELD = "held"
    RELEASED = "released"
    RETRIED = "retried"
    REMOVAL_ASKED = "removal_asked"


_S, _E = CaseState, CaseEvent

TRANSITIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (_S.OBSERVED, _E.TAKEN_UP): _S.COOLING,
        (_S.OBSERVED, _E.DISMISSED): _S.DISMISSED,
        (_S.OBSERVED, _E.HELD): _S.HELD,
        (_S.OBSERVED, _E.REMOVAL_ASKED): _S.GATED,
        (_S.COOLING, _E.COOLED_DOWN): _S.CONFIRMING,
        (_S.COOLING, _E.WENT_QUIET): _S.RECOVERED,
        (_S.COOLING, _E.SERVICE_WIDE): _S.SERVICE_INCIDENT,
        (_S.COOLING, _E.REPORTER_BLAMED): _S.DISMISSED,
        (_S.COOLING, _E.DISMISSED): _S.DISMISSED,
        (_S.COOLING, _E.HELD): _S.HELD,
        (_S.COOLING, _E.REMOVAL_ASKED): _S.GATED,
        (_S.CONFIRMING, _E.QUORUM_REACHED): _S.GATED,
        (_S.CONFIRMING, _E.QUORUM_MISSED): _S.COOLING,
        (_S.CONFIRMING, _E.WENT_QUIET): _S.RECOVERED,
        (_S.CONFIRMING, _E.SERVICE_WIDE): _S.SERVICE_INCIDENT,
        (_S.CONFIRMING, _E.REPORTER_BLAMED): _S.DISMISSED,
        (_S.CONFIRMING, _E.DISMISSED): _S.DISMISSED,
        (_S.CONFIRMING, _E.HELD): _S.HELD,
        (_S.CONFIRMING, _E.REMOVAL_ASKED): _S.GATED,
        (_S.GATED, _E.APPROVAL_NEEDED): _S.AWAITING_APPROVAL,
        (_S.GATED, _E.AUTO_APPROVED): _S.DRAINING,
        (_S.GATED, _E.GATED_TOO_LONG): _S.ESCALATED,
        (_S.GATED, _E.EVIDENCE_GONE): _S.RECOVERED,
        (_S.GATED, _E.SERVICE_WIDE): _S.SERVICE_INCIDENT,
        (_S.GATED, _E.DISMISSED): _S.DISMISSED,
        (_S.GATED, _E.HELD): _S.HELD,
        (_S.AWAITING_APPROVAL, _E.APPROVED): _S.DRAINING,
        (_S.AWAITING_APPROVAL, _E.REJECTED): _S.DISMISSED,
        (_S.AWAITING_APPROVAL, _E.APPROVAL_EXPIRED): _S.ESCALATED,
        (_S.AWAITING_APPROVAL, _E.EVIDENCE_GONE): _S.RECOVERED,
        (_S.AWAITING_APPROVAL, _E.PLAN_CHANGED): _S.GATED,
        (_S.AWAITING_APPROVAL, _E.SERVICE_WIDE): _S.SERVICE_INCIDENT,
        (_S.AWAITING_APPROVAL, _E.DISMISSED): _S.DISMISSED,
        (_S.AWAITING_APPROVAL, _E.HELD): _S.HELD,
        (_S.DRAINING, _E.DRAINED): _S.ACTING,
        (_S.DRAINING, _E.EVIDENCE_GONE): _S.RECOVERED,
        (_S.DRAINING, _E.PLAN_CHANGED): _S.GATED,
        (_S.DRAINING, _E.ACT_FAILED): _S.FAILED,
        (_S.DRAINING, _E.HELD): _S.HELD,
        (_S.ACTING, _E.ACTED): _S.VERIFYING,
        (_S.ACTING, _E.REMOVED): _S.REMOVED,
        (_S.ACTING, _E.ACT_FAILED): _S.FAILED,
        (_S.VERIFYING, _E.VERIFIED): _S.RETURNING,
        (_S.VERIFYING, _E.VERIFY_FAILED): _S.FAILED,
        (_S.RETURNING, _E.RESOLVED): _S.RESOLVED,
        (_S.RETURNING, _E.RELAPSED): _S.FAILED,
        (_S.FAILED, _E.NEXT_RUNG): _S.GATED,
        (_S.FAILED, _E.LADDER_ENDED): _S.ESCALATED,
        (_S.HELD, _E.RELEASED): _S.CONFIRMING,
        (_S.HELD, _E.DISMISSED): _S.DISMISSED,
        (_S.HELD, _E.WENT_QUIET): _S.RECOVERED,
        (_S.ESCALATED, _E.RETRIED): _S.CONFIRMING,
        (_S.ESCALATED, _E.REMOVAL_ASKED): _S.GATED,
        (_S.ESCALATED, _E.DISMISSED): _S.DISMISSED,
        (_S.ESCALATED, _E.WENT_QUIET): _S.RECOVERED,
        (_S.SERVICE_INCIDENT, _E.RETRIED): _S.CONFIRMING,
        (_S.SERVICE_INCIDENT, _E.REMOVAL_ASKED): _S.GATED,
        (_S.SERVICE_INCIDENT, _E.DISMISSED): _S.DISMISSED,
        (_S.SERVICE_INCIDENT, _E.WENT_QUIET): _S.RECOVERED,
    }
)
TERMINAL = frozenset({_S.RECOVERED, _S.RESOLVED, _S.REMOVED, _S.DISMISSED})
OPEN = frozenset(CaseState) - TERMINAL
"""These own their instance: it has one such case at most."""
EXECUTING = frozenset({_S.DRAINING, _S.ACTING, _S.VERIFYING, _S.RETURNING})
"""Something is being done to the instance: it is out of service by us."""
COUNTED = EXECUTING | {_S.AWAITING_APPROVAL}
"""These use up budgets: what waits for approval may begin at any moment."""
WAITING_FOR_PERSON = frozenset({_S.AWAITING_APPROVAL, _S.ESCALATED, _S.SERVICE_INCIDENT})
"""Nothing goes on here before somebody decides, or the fault goes away."""


class RemediationState(TextChoices):
    """How far one executed step of a case is."""

    PLANNED = "planned"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


UNFINISHED = frozenset(
    {RemediationState.PLANNED, RemediationState.RUNNING, RemediationState.UNKNOWN}
)
"""Steps of which the actuator may still be doing something."""
