"""What the demo writes into the database before anything starts: schema, authority, user, mesh."""

from __future__ import annotations

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group as Role
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from meshconsole.demo.mesh import GROUPS, TIERS, UNITS, Place
from meshconsole.encryption.issuance import join_token_create
from meshconsole.encryption.keeping import authority_ensure
from meshconsole.healing.guards.services import Wish, policy_row, policy_set
from meshconsole.inventory.models import Application, Group, Unit
from meshconsole.steering.models import Route
from meshconsole.steering.services import split_set

USER = "sre"
OTHERS = ("oncall", "lead")
"""Of the same password: a removal that one of them asks for needs the two others."""
ROLES = ("viewer", "operator", "approver", "admin")
ACTOR = "demo"


def database_ensure() -> None:
    """Bring the schema up to date; quick when it is."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def authority_ready() -> None:
    """Make the certificate authority when there is none."""
    authority_ensure(timezone.now())


def mesh_ensure() -> None:
    """Name the applications, units and groups, and send all of order's calls to one group.

    What a person changed since the first start stays as it is.
    """
    with transaction.atomic():
        for name in UNITS:
            Unit.objects.get_or_create(name=name)
        for name, tier in TIERS.items():
            Application.objects.get_or_create(name=name, defaults={"tier": tier})
        order = Application.objects.get(name="order")
        for name in GROUPS:
            Group.objects.get_or_create(application=order, name=name)
        if not Route.objects.filter(application=order).exists():
            first, second = GROUPS
            split_set(
                application=order.name,
                split={first: 100, second: 0},
                expected_version=0,
                actor=ACTOR,
                reason="The sample mesh begins with one group; move the other in.",
                force=True,
            )


def healing_ensure() -> None:
    """Let callers eject, and the healer act by the supervisor when somebody says yes.

    What a person changed since the first start stays as it is.
    """
    if policy_row("") is None:
        policy_set(
            application="",
            wish=Wish(mode="approve_all", ejection_mode="eject", actuator="process"),
            reason="The sample mesh heals by its supervisor, and asks first.",
            actor=ACTOR,
            now=timezone.now(),
        )


def user_ensure(password: str | None) -> str:
    """Make or renew the users; returns their password, a new random one when none is given."""
    password = password or secrets.token_urlsafe(9)
    with transaction.atomic():
        roles = [Role.objects.get_or_create(name=name)[0] for name in ROLES]
        for name in (USER, *OTHERS):
            user, _ = get_user_model().objects.get_or_create(username=name)
            user.set_password(password)
            user.is_active = True
            user.save()
            user.groups.set(roles)
    return password


def join_token(place: Place) -> str:
    """A fresh join token for one sidecar; good for one enrolment."""
    return join_token_create(
        application=place.app,
        unit=place.unit,
        instance=place.instance,
        actor=ACTOR,
        now=timezone.now(),
    )
