"""meshctl rollout says the same verbs, follows to the end, and exits by how it went."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from typer.testing import CliRunner, Result

from meshconsole.access.roles import Role
from meshconsole.access.services import token_create
from meshconsole.cli.commands import app
from meshconsole.rollouts.models import Rollout
from tests.factories import an_instance

pytestmark = pytest.mark.django_db(transaction=True)
SPEC = "{split: {Group_1: 80, Group_2: 20}}"
WISH = ("route_table", "--app", "order", "--spec", SPEC)


class Server(Protocol):
    """The console as pytest-django serves it."""

    url: str


class Run(Protocol):
    """Runs one `meshctl rollout` command."""

    def __call__(self, *words: str) -> Result: ...


@pytest.fixture
def run(
    live_server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    person: Callable[[str], User],
) -> Run:
    an_instance("order-1", group="Group_1")
    an_instance("order-2", group="Group_2")
    _, secret = token_create(
        owner=person("operator"), name="t", role=Role.operator, days=1, now=timezone.now()
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("MESHCTL_URL", live_server.url)
    monkeypatch.setenv("MESHCTL_TOKEN", secret)
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["rollout", *words], env={"COLUMNS": "200"})


def test_a_rollout_from_preview_to_its_end(run: Run) -> None:
    shown = run("preview", *WISH)
    assert (shown.exit_code, "share: 100%" in shown.stdout) == (0, True), shown.output
    made = run("create", *WISH, "--reason", "gray")
    number = str(Rollout.objects.get().pk)
    assert f"rollout {number} is previewed: 0 of 5 waves passed" in made.stdout
    assert "is previewed" in run("plan", number).stdout
    assert "is approved" in run("start", number).stdout
    refused = run("resume", number)
    assert (refused.exit_code, "cannot be resumed" in refused.stderr) == (2, True)
    assert "route_table" in run("list", "--state", "open").stdout
    assert "stage: shares" in run("get", number).stdout
    assert "is rolled_back" in run("abort", number, "--reason", "enough").stdout
    watched = run("watch", number)
    assert watched.exit_code == 1
    assert [line.split()[1] for line in watched.stdout.splitlines()[:-1]] == [
        "created", "planned", "cleared", "aborted",
    ]  # fmt: skip
    assert "enough" in watched.stdout


def test_a_wrong_spec_and_a_blocked_plan_are_said(run: Run) -> None:
    assert "as a map" in run("preview", "route_table", "--app", "order", "--spec", "x").stderr
    assert "not YAML" in run("create", "route_table", "--spec", "{").stderr
    assert "/spec/split" in run("create", *WISH[:4], "{split: {Group_1: 1}}").stderr
    blocked = run("preview", "sidecar_version", "--app", "order", "--spec", "{version: '9'}")
    assert blocked.exit_code == 1
    assert "MESH_SIDECAR_ACTUATOR" in blocked.stdout


def test_what_needs_another_role_says_so(run: Run) -> None:
    run("create", *WISH)
    number = str(Rollout.objects.get().pk)
    Rollout.objects.update(
        state="awaiting_approval", started_at=timezone.now() - timedelta(minutes=1)
    )
    refused = run("approve", number)
    assert (refused.exit_code, "needs the role approver" in refused.stderr) == (2, True)


def test_strict_is_started_with_the_word_that_it_asks_for(run: Run) -> None:
    run("create", "tls_mode", "--app", "order", "--spec", "{to: strict}")
    number = str(Rollout.objects.get().pk)
    refused = run("start", number)
    assert refused.exit_code != 0
    assert "Type order to confirm" in refused.output
    begun = run("start", number, "--confirm", "order")
    assert (begun.exit_code, "is awaiting_approval" in begun.output) == (0, True), begun.output
