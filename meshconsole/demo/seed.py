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
from meshconsole.encryption.keeping import authority_ensure
from meshconsole.encryption.services import join_token_create

USER = "sre"
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


def user_ensure(password: str | None) -> str:
    """Make or renew the user `sre`; returns the password, a new random one when none is given."""
    password = password or secrets.token_urlsafe(9)
    with transaction.atomic():
        user, _ = get_user_model().objects.get_or_create(username=USER)
        user.set_password(password)
        user.is_active = True
        user.save()
        roles = [Role.objects.get_or_create(name=name)[0] for name in ROLES]
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
