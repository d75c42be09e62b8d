"""A plan's hash: what an approval is bound to, so that nothing else can be done in its name."""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from healer.policy.decision import Plan


def plan_hash(plan: Plan) -> str:
    """SHA-256, in hex, of the canonical JSON of all that the plan says but the hash itself.

    That is its action, instance, service, rung, evidence version, gates as they were, approvals
    needed and expiry. Keys are sorted and numbers as they come back from a row (3 as 3.0), so that
    a plan that was stored has the hash that it had.
    """
    bare = msgspec.json.encode(msgspec.structs.replace(plan, hash=""))
    stored = msgspec.json.decode(bare, type=Plan)
    return hashlib.sha256(msgspec.json.encode(stored, order="sorted")).hexdigest()


def sealed(plan: Plan) -> Plan:
    """The same plan with its hash."""
    return msgspec.structs.replace(plan, hash=plan_hash(plan))


def is_intact(plan: Plan, named: str = "") -> bool:
    """Is its hash its own, and the one that was named, if one was?"""
    own = plan_hash(plan)
    return hmac.compare_digest(own, plan.hash) and (not named or hmac.compare_digest(own, named))
