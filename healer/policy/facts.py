"""What healing is told before it decides: values alone, whoever gathered them from wherever.

Times are epoch seconds, durations and ages seconds. What is not known is None, and never good news.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from healer.policy.decision import Change, Plan


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The instance a case is about."""

    instance: str
    app: str
    unit: str = ""
    group: str = ""
    is_critical: bool = False
    """Of a critical tier."""


class ReporterFact(msgspec.Struct, frozen=True, kw_only=True):
    """What one reporting instance says of the subject, and how far it can be believed."""

    reporter: str
    app: str = ""
    unit: str = ""
    weight: float | None = None
    """Its share, 0 to 1, of the requests to the subject in the minute before the case opened: later
    nobody who ejected it sends it any. None when no traffic is known."""
    age_seconds: float = 0.0
    """Since its last word or snapshot that says so."""
    is_failing: bool = True
    """Is that word, its newest, that the subject fails?"""
    has_ejected: bool = False
    """Is the subject ejected in its newest snapshot?"""
    has_network_alarm: bool = False
    """Has its unit one?"""
    is_external: bool = False
    """Not a sidecar: it may propose a case, and never counts."""
    accused_instances: int = 1
    accused_services: int = 1
    """How many it says fail just now, the subject included."""
    is_accused: bool = False
    """Do sidecars report it itself, or has it blamed itself (scope `reporter`)?"""


class ProbeFact(msgspec.Struct, frozen=True, kw_only=True):
    """What the healer's own probe of the subject found."""

    is_ok: bool
    age_seconds: float = 0.0
    detail: str = ""


class Accused(msgspec.Struct, frozen=True, kw_only=True):
    """An instance of the subject's service, and the reporters that say it fails."""

    instance: str
    reporters: tuple[str, ...]


class ApprovalFact(msgspec.Struct, frozen=True, kw_only=True):
    """Where the approval of the case's plan stands."""

    state: Literal["pending", "approved", "rejected", "expired", "withdrawn", "used"]
    plan_hash: str
    requested_by: str = ""
    """Empty when the healer asked."""
    needed: int = 1
    approvers: tuple[str, ...] = ()
    """Distinct accounts that said yes."""
    rejected_by: str = ""
    reason: str = ""
    expires_at: float = 0.0
    is_override: bool = False
    """By the emergency role, alone and with a reason."""


class StepFact(msgspec.Struct, frozen=True, kw_only=True):
    """The executed step of the present rung."""

    state: Literal["planned", "running", "succeeded", "failed", "unknown"]
    detail: str = ""


class DrainFact(msgspec.Struct, frozen=True, kw_only=True):
    """How empty the subject is."""

    is_unpublished: bool
    in_flight: int | None
    """Requests and sessions at the subject; None when it does not say."""


class CheckFact(msgspec.Struct, frozen=True, kw_only=True):
    """Tests since the action ended."""

    self_tests_ok: int = 0
    probes_ok: int = 0
    """In a row, up to now."""
    detail: str = ""
    """Of the last that failed."""


class TrafficFact(msgspec.Struct, frozen=True, kw_only=True):
    """Real requests since the instance came back."""

    requests: int = 0
    errors: int = 0
    has_new_ejection: bool = False


class CaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One case, and what is known of its instance now."""

    case: str
    state: str
    since: float
    """When it entered this state."""
    opened_at: float | None = None
    """When the case was opened; None: not before `since`."""
    subject: Subject
    rounds: int = 0
    """Confirming rounds that were begun, the present one included."""
    rung: int = 0
    """The last one that was tried; 0 before the first."""
    is_known: bool = True
    """Is the instance still in the inventory?"""
    in_maintenance: str = ""
    """The reason of the window, or empty."""

    n_instances: int = 1
    """Of its service in the inventory, the subject included."""
    n_serving: int = 1
    """Of those, published, live and not ejected by quorum."""
    is_serving: bool = True
    """Is the subject one of them? One that its callers ejected is not: it costs no capacity."""
    reports: tuple[ReporterFact, ...] = ()
    callers_active: int = 0
    """Distinct instances that called the subject in the minute before the case opened."""
    caller_units: int = 1
    """In how many units they are."""
    active_ejections: int = 0
    newest_evidence_age_seconds: float | None = None
    """Of a failing report, an active ejection in a snapshot or a failed probe of ours; None when
    there is none at all."""
    evidence_version: int = 0
    probe: ProbeFact | None = None
    accused: tuple[Accused, ...] = ()
    """Instances of the service under report now, the subject included."""
    service_reporters: tuple[str, ...] = ()
    """Who says now that the whole service fails (scope `service`)."""

    actions_24h: int = 0
    """That an actuator began on this instance, the present step not included."""
    last_action_age_seconds: float | None = None
    removal_asked_by: str = ""
    """A person wants it removed, whatever callers say."""
    plan: Plan | None = None
    """What was decided last, as stored."""
    approval: ApprovalFact | None = None
    drain: DrainFact | None = None
    step: StepFact | None = None
    checks: CheckFact | None = None
    traffic: TrafficFact | None = None


class OutFact(msgspec.Struct, frozen=True, kw_only=True):
    """A case that uses up budget: being executed, or waiting for approval."""

    case: str
    instance: str
    app: str
    unit: str
    is_serving: bool = True
    """Does it still serve, as one does that waits for approval and is not ejected?"""


class OpeningFact(msgspec.Struct, frozen=True, kw_only=True):
    """A case that was opened lately."""

    app: str
    age_seconds: float


class MeshFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is going on around a case; the same for all cases of a round."""

    n_instances: int = 1
    unit_instances: dict[str, int] = {}
    out: tuple[OutFact, ...] = ()
    """Every case that counts, the decided one included where it does."""
    actions_last_hour: int = 0
    """That an actuator began; cases in `out` are counted besides."""
    openings: tuple[OpeningFact, ...] = ()
    """Cases opened within the storm's window and the quiet after it: six minutes."""
    changes: tuple[Change, ...] = ()
    """In the last ten minutes, anywhere."""
    protected: dict[str, str] = {}
    """Reason of protected hours in force, by application; empty key: the mesh."""
    freezes: dict[str, str] = {}
    """Reason of a freeze in force, the same way."""
    kill_switches: dict[str, str] = {}
    """Reason of a kill switch that is on, the same way."""
    kill_switch_lifted_age_seconds: float | None = None
    limited: dict[str, float] = {}
    """Share of an application's instances whose adaptive limit acts on the whole application."""
