"""meshctl does over REST what the pages do, and says why when it may not."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from django.contrib.auth.models import User
from typer.testing import CliRunner, Result

from meshconsole.cli.commands import app
from tests.conftest import PASSWORD
from tests.factories import an_instance

pytestmark = pytest.mark.django_db(transaction=True)
Person = Callable[[str], User]


class Run(Protocol):
    """Runs one meshctl command."""

    def __call__(self, *words: str, text: str | None = None) -> Result: ...


class Server(Protocol):
    """The console as pytest-django serves it."""

    url: str


@pytest.fixture
def run(live_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("MESHCTL_URL", raising=False)
    monkeypatch.delenv("MESHCTL_TOKEN", raising=False)
    runner = CliRunner()

    def meshctl(*words: str, text: str | None = None) -> Result:
        return runner.invoke(app, list(words), input=text, env={"COLUMNS": "200"})

    return meshctl


@pytest.fixture
def signed_in(run: Run, live_server: Server, person: Person) -> Run:
    person("operator")
    done = run("login", live_server.url, "--user", "operator", text=f"{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    assert "operator" in done.output
    return run


def test_without_a_login_it_says_what_to_do(run: Run) -> None:
    done = run("get", "applications")
    assert done.exit_code == 2
    assert "meshctl login" in done.stderr


def test_a_wrong_password_is_said(run: Run, live_server: Server, person: Person) -> None:
    person("operator")
    done = run("login", live_server.url, "--user", "operator", text="wrong\n")
    assert (done.exit_code, "password is wrong" in done.stderr) == (2, True)


def test_the_token_is_kept_private(signed_in: Run, tmp_path: Path) -> None:
    kept = tmp_path / "meshctl" / "profile.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["token"].startswith("mc_")


def test_lists_come_as_table_json_and_yaml(signed_in: Run) -> None:
    for n in range(3):
        an_instance(f"order-{n}")
    table = signed_in("get", "instances").stdout
    assert "order-2" in table
    assert "Group_1" in table
    rows = json.loads(signed_in("get", "instance", "-o", "json", "--app", "order").stdout)
    assert [row["id"] for row in rows] == ["order-0", "order-1", "order-2"]
    assert "name: order" in signed_in("get", "applications", "-o", "yaml").stdout
    assert "tier: standard" in signed_in("describe", "application", "order").stdout
    assert "There is no kind" in signed_in("get", "nothing").stderr


def test_documents_go_round(signed_in: Run, tmp_path: Path) -> None:
    an_instance("order-1")
    file = tmp_path / "mesh.yaml"
    assert signed_in("export", "-f", str(file)).exit_code == 0
    assert signed_in("diff", "-f", str(file)).exit_code == 0
    file.write_text(file.read_text().replace("tier: standard", "tier: critical"))
    changed = signed_in("diff", "-f", str(file))
    assert changed.exit_code == 1
    assert "+tier: critical" in changed.stdout
    dry = signed_in("apply", "-f", str(file), "--dry-run")
    assert "1 of 2 documents would change." in dry.stdout
    assert "1 of 2 documents applied." in signed_in("apply", "-f", str(file)).stdout
    broken = signed_in("apply", "-f", "-", text="apiVersion: meshconsole.io/v1\nkind: Pod\n")
    assert broken.exit_code == 2
    assert "/metadata" in broken.stderr


def test_weights_are_set_from_what_was_read(signed_in: Run) -> None:
    an_instance("order-1")
    an_instance("order-2", group="Group_2")
    done = signed_in("weights", "set", "order", "Group_1=75", "Group_2=25", "--reason", "try it")
    assert done.exit_code == 0, done.output
    assert "Group_2: 25" in signed_in("weights", "get", "order").stdout
    assert "Group_1" in signed_in("get", "routes").stdout
    assert "try it" in signed_in("describe", "route", "order").stdout
    wrong = signed_in("weights", "set", "order", "Group_1=75")
    assert wrong.exit_code == 2
    assert "100" in wrong.stderr
    assert "GROUP=PERCENT" in signed_in("weights", "set", "order", "Group_1").stderr


def test_check_gives_one_line_each(signed_in: Run) -> None:
    an_instance("order-1", state="draining")
    done = signed_in("check")
    assert done.exit_code == 1
    assert "fail  order: no instance serves" in done.stdout
    assert "ok    the audit chain" in done.stdout
    assert "warn  Redis does not answer" in done.stdout
