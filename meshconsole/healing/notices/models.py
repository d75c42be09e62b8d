"""Whom the console tells of healing outside of it, and every attempt to do so."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from meshconsole.healing.cases.approval_models import Approval

KINDS = ("email", "slack", "webhook")
STATES = ("pending", "sending", "sent", "failed")


class NoticeChannel(models.Model):
    """One way out: a mailbox, a Slack channel, a webhook. Its secret is written and never read."""

    name = models.CharField(max_length=63, unique=True)
    kind = models.CharField(max_length=16, choices=[(one, one) for one in KINDS])
    target = models.CharField(max_length=300)
    """Mail address, or the host of the webhook: the rest of its address is sealed."""
    sealed = models.BinaryField(blank=True)
    """The whole address of a webhook, and the key that signs what it gets."""
    application = models.CharField(max_length=63, blank=True)
    """Only of this application; empty is all of the mesh."""
    recipient = models.CharField(max_length=150, blank=True)
    """The one account that reads it, and gets links that decide; empty is many readers."""
    is_enabled = models.BooleanField(default=True)
    updated_by = models.CharField(max_length=150)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="healing_channel_kind_known")
        ]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """One message to one channel: due, tried, sent or given up."""

    channel = models.ForeignKey(NoticeChannel, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=40)
    """What happened, such as `approval_needed`."""
    subject = models.CharField(max_length=200)
    body = models.JSONField(default=dict)
    """What is said, in values; how it looks is made when it is sent."""
    approval = models.ForeignKey(Approval, on_delete=models.SET_NULL, null=True, blank=True)
    key = models.CharField(max_length=100)
    """One notice of a channel for one fact."""
    state = models.CharField(
        max_length=16, choices=[(one, one) for one in STATES], default="pending"
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    """When it is tried next, or taken from who began and was never heard of again."""
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "key"], name="healing_one_notice_each"),
            models.CheckConstraint(condition=Q(state__in=STATES), name="healing_notice_state"),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "sending"], next_at__isnull=False)
                | Q(state__in=["sent", "failed"], next_at__isnull=True),
                name="healing_open_notice_is_due",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"], name="healing_notice_due", condition=Q(next_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
