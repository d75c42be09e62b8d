"""Four roles, each able to do all that the one before can, and which verb needs which."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from django.contrib.auth.models import AnonymousUser, User


class Role(IntEnum):
    """What a person or token is here; the names are those of the groups."""

    none = 0
    viewer = 1
    operator = 2
    approver = 3
    admin = 4


VIEW = "view"
VERBS: dict[str, Role] = {
    VIEW: Role.viewer,
    "session": Role.viewer,
    "token_create": Role.viewer,
    "token_revoke": Role.viewer,
    "preview": Role.viewer,
    "replay_run": Role.viewer,
    "application_edit": Role.operator,
    "unit_edit": Role.operator,
    "instance_drain": Role.operator,
    "instance_restore": Role.operator,
    "split_set": Role.operator,
    "route_revert": Role.operator,
    "documents_apply": Role.operator,
    "report_send": Role.operator,
    "rollout_create": Role.operator,
    "rollout_plan": Role.operator,
    "rollout_start": Role.operator,
    "rollout_promote": Role.operator,
    "rollout_pause": Role.operator,
    "rollout_resume": Role.operator,
    "rollout_abort": Role.operator,
    "rollout_rollback": Role.operator,
    "rollout_approve": Role.approver,
    "rollout_bypass": Role.admin,
    "freeze_create": Role.approver,
    "freeze_end": Role.approver,
    "healing_set": Role.operator,
    "healing_widen": Role.approver,
    "healing_automate": Role.admin,
    "kill_switch_engage": Role.operator,
    "kill_switch_release": Role.approver,
    "maintenance_create": Role.operator,
    "maintenance_end": Role.operator,
    "protected_hours_create": Role.operator,
    "protected_hours_end": Role.approver,
    "approval_approve": Role.approver,
    "approval_reject": Role.approver,
    "approval_override": Role.admin,
    "notice_set": Role.admin,
    "notice_send": Role.admin,
    "case_dismiss": Role.operator,
    "case_hold": Role.operator,
    "case_release": Role.operator,
    "case_retry": Role.operator,
    "case_mark": Role.operator,
    "removal_start": Role.operator,
    "demo_break": Role.operator,
    "encryption_set": Role.operator,
    "encryption_force": Role.admin,
    "join_token_create": Role.admin,
    "authority_add": Role.admin,
    "authority_sign_with": Role.admin,
    "authority_retire": Role.admin,
    "users_manage": Role.admin,
}
"""Every verb of the product and the least role that may do it; what is not here nobody may do."""


def role_of(user: Any) -> Role:
    """The highest of the user's roles; looked up once per request's user object."""
    known = getattr(user, "_mesh_role", None)
    if isinstance(known, Role):
        return known
    role = _role_of(user)
    if not isinstance(user, AnonymousUser):
        user._mesh_role = role
    return role


def _role_of(user: User | AnonymousUser) -> Role:
    if not user.is_authenticated or not user.is_active:
        return Role.none
    if user.is_superuser:
        return Role.admin
    names = user.groups.values_list("name", flat=True)
    return max((Role[name] for name in names if name in Role.__members__), default=Role.none)
