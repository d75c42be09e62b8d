"""meshctl approve and reject: the plan that was read, with a reason, by whoever may."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from typer.testing import CliRunner, Result

from meshconsole.access.roles import Role
from meshconsole.access.services import token_create
from meshconsole.cli.commands import app
from tests.harness.approvals import an_approval

pytestmark = pytest.mark.django_db(transaction=True)


class Server(Protocol):
    """The console as pytest-django serves it."""

    url: str


class Run(Protocol):
    """Runs one meshctl command."""

    def __call__(self, *words: str) -> Result: ...


@pytest.fixture
def run(
    live_server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    person: Callable[[str], User],
) -> Run:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    _, secret = token_create(
        owner=person("admin"), name="t", role=Role.admin, days=1, now=timezone.now()
    )
    runner = CliRunner()
    runner.invoke(app, ["login", live_server.url, "--token", secret], catch_exceptions=False)

    def made(*words: str) -> Result:
        return runner.invoke(app, list(words), catch_exceptions=False)

    return made


def test_what_waits_is_listed_and_approved(run: Run) -> None:
    approval = an_approval(now=timezone.now())
    assert "order-1" in run("get", "approvals").stdout
    number = str(approval.pk)
    changed = run("approve", number, "--reason", "Seen.", "--plan", "0000")
    assert (changed.exit_code, "another one than you read" in changed.stderr) == (2, True)
    done = run("approve", number, "--reason", "Seen.", "--plan", approval.plan_hash[:8])
    assert "state: approved" in done.stdout
    late = run("reject", number, "--reason", "Wait.")
    assert (late.exit_code, "decided already: approved" in late.stderr) == (2, True)


def test_a_removal_takes_its_name_and_an_emergency_says_that_it_is_one(run: Run) -> None:
    approval = an_approval(now=timezone.now(), action="remove", needed=2)
    number = str(approval.pk)
    refused = run("approve", number, "--reason", "Fire.", "--override")
    assert "Type order-1 to confirm" in refused.stderr
    done = run("approve", number, "--reason", "Fire.", "--override", "--confirm", "order-1")
    assert "state: approved" in done.stdout
    approval.refresh_from_db()
    assert approval.overridden_by == "admin"
