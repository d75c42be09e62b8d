"""What people are asked about one plan, what each of them said, and the links that ask them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from meshconsole.healing.cases.approval_states import LIVE, ApprovalState
from meshconsole.healing.cases.models import HealingCase


class Approval(models.Model):
    """One question about one plan; good for that plan, once, for a time."""

    case = models.ForeignKey(HealingCase, on_delete=models.CASCADE, related_name="approvals")
    state = models.CharField(
        max_length=16, choices=ApprovalState.choices, default=ApprovalState.PENDING
    )
    version = models.PositiveIntegerField(default=1)
    """Grows when its state changes; a first of two votes leaves what is asked as it is."""
    instance = models.CharField(max_length=63)
    app = models.CharField(max_length=63)
    unit = models.CharField(max_length=63)
    action = models.CharField(max_length=40)
    plan = models.JSONField()
    """As it was decided: what is to be done, and every gate as it was then."""
    plan_hash = models.CharField(max_length=64)
    needed = models.PositiveSmallIntegerField(default=1)
    """Distinct persons who have to approve."""
    requested_by = models.CharField(max_length=150, blank=True)
    """The person who asked; empty when policy did."""
    reason = models.CharField(max_length=500, blank=True)
    """Why it is asked, in a sentence."""
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    overridden_by = models.CharField(max_length=150, blank=True)
    """Who went past the votes in an emergency."""
    ended_because = models.CharField(max_length=500, blank=True)
    """Why it was rejected or withdrawn."""

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case"],
                condition=Q(state__in=sorted(LIVE)),
                name="healing_one_live_approval",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ApprovalState.values), name="healing_approval_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                name="healing_approval_runs_out",
                condition=Q(state__in=sorted(LIVE)),
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ApprovalVote(models.Model):
    """One person's word, never changed."""

    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="votes")
    user = models.CharField(max_length=150)
    decision = models.CharField(max_length=16)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField()
    via = models.CharField(max_length=16, default="page")
    """`page`, `api` or `link`."""

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["approval", "user"], name="healing_one_vote_each"),
            models.CheckConstraint(
                condition=Q(decision__in=["approve", "reject"]), name="healing_vote_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} by {self.user}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A vote is somebody's word: it is never changed.")
        super().save(*args, **kwargs)


class ApprovalLink(models.Model):
    """One signed link to one person, good for one decision about the approval as it was then."""

    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="links")
    recipient = models.CharField(max_length=150)
    """User name of the account that the link decides for."""
    version = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.approval_id} for {self.recipient}"
