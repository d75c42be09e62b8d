"""Every table of this room; each is written down beside what it is for."""

from __future__ import annotations

from meshconsole.healing.cases.approval_models import Approval, ApprovalLink, ApprovalVote
from meshconsole.healing.cases.models import CaseEntry, HealingCase, HealingFence, Remediation
from meshconsole.healing.cases.score_models import PolicyScore
from meshconsole.healing.evidence.ejection_models import ActiveEjection
from meshconsole.healing.evidence.models import (
    Anomaly,
    AnomalyReport,
    Family,
    Origin,
    Quarantine,
    Scope,
    Testimony,
)
from meshconsole.healing.guards.models import (
    HealingPolicy,
    KillSwitch,
    MaintenanceWindow,
    ProtectedHours,
)
from meshconsole.healing.notices.models import Notice, NoticeChannel
from meshconsole.healing.replays.models import ReplayRun

__all__ = [
    "ActiveEjection",
    "Anomaly",
    "AnomalyReport",
    "Approval",
    "ApprovalLink",
    "ApprovalVote",
    "CaseEntry",
    "Family",
    "HealingCase",
    "HealingFence",
    "HealingPolicy",
    "KillSwitch",
    "MaintenanceWindow",
    "Notice",
    "NoticeChannel",
    "Origin",
    "PolicyScore",
    "ProtectedHours",
    "Quarantine",
    "Remediation",
    "ReplayRun",
    "Scope",
    "Testimony",
]
