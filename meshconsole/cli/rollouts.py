"""`meshctl rollout`: the verbs of rollouts, and following one until it waits or ends."""

from __future__ import annotations

import threading
import uuid
from typing import Annotated, Any

import typer
import yaml

from meshconsole.cli.client import Console, Refused
from meshconsole.cli.session import spoken_to, told
from meshconsole.cli.show import Form, rows_print, value_print

rollout = typer.Typer(no_args_is_help=True, help="Changes that are put in force in gated waves.")
Output = Annotated[Form, typer.Option("-o", "--output", help="How to print.")]
Reason = Annotated[str, typer.Option(help="Why; it is written into the audit.")]
Id = Annotated[int, typer.Argument(help="The rollout's number.")]
KindName = Annotated[
    str, typer.Argument(help="tls_mode, route_table, ca_rotation, sidecar_version or healing_mode.")
]
App = Annotated[str, typer.Option("--app", help="The application; without it the whole mesh.")]
Spec = Annotated[
    str, typer.Option(help="What is wanted, as YAML: '{to: preferred, soak_scale: 0.5}'.")
]
Bypass = Annotated[
    bool, typer.Option("--bypass", help="Go past approval and freezes; for admins, with a reason.")
]
Confirm = Annotated[
    str,
    typer.Option(
        help="The word that a change asks for which all callers feel: the trust domain for the "
        "whole mesh, the application for strict; `get` shows it under allowed_actions."
    ),
]
_MOVING = ("approved", "progressing", "soaking", "rolling_back")
_PAUSE_SECONDS = 1.0


@rollout.command("list")
def list_all(
    output: Output = Form.table,
    application: App = "",
    kind: Annotated[str, typer.Option(help="Only of this kind.")] = "",
    state: Annotated[str, typer.Option(help="Only in this state; `open` is any that owns.")] = "",
) -> None:
    """List rollouts, newest first."""
    with told(), spoken_to() as console:
        rows = list(console.list("rollouts", application=application, kind=kind, state=state))
    rows_print("rollouts", rows, output)


@rollout.command()
def get(number: Id, output: Output = Form.yaml) -> None:
    """Print one rollout with its waves, instances and gates."""
    with told(), spoken_to() as console:
        value_print(console.get(f"rollouts/{number}"), output)


@rollout.command()
def preview(
    kind: KindName, application: App = "", spec: Spec = "{}", output: Output = Form.yaml
) -> None:
    """Print what a rollout would do and what is in its way; exits with 1 when something is."""
    with told(), spoken_to() as console:
        wish = {"kind": kind, "application": application, "spec": _spec(spec)}
        found = console.ask("POST", "rollouts/preview", json=wish).json()
    value_print(found, output)
    if found["blockers"]:
        raise typer.Exit(1)


@rollout.command()
def create(kind: KindName, application: App = "", spec: Spec = "{}", reason: Reason = "") -> None:
    """Make a rollout and its plan; `start` begins it."""
    with told(), spoken_to() as console:
        wish = {"kind": kind, "application": application, "spec": _spec(spec), "reason": reason}
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        made = console.ask("POST", "rollouts", json=wish, headers=headers).json()
        _line(console.ask("POST", f"rollouts/{made['id']}/preview").json())


@rollout.command()
def plan(number: Id) -> None:
    """Make the plan anew, as the mesh is now."""
    with told(), spoken_to() as console:
        _line(console.ask("POST", f"rollouts/{number}/preview").json())


@rollout.command()
def start(number: Id, reason: Reason = "", bypass: Bypass = False, confirm: Confirm = "") -> None:
    """Begin, or ask for approval where policy does."""
    _verb(number, "start", reason=reason, bypass=bypass, confirm=confirm)


@rollout.command()
def approve(number: Id, reason: Reason = "") -> None:
    """Let begin what somebody else asked for."""
    _verb(number, "approve", reason=reason)


@rollout.command()
def promote(number: Id, reason: Reason = "", bypass: Bypass = False) -> None:
    """Let the wave pass now; without a verdict of the gates only with a reason."""
    _verb(number, "promote", reason=reason, bypass=bypass)


@rollout.command()
def pause(number: Id, reason: Reason = "") -> None:
    """Write nothing more, undo nothing."""
    _verb(number, "pause", reason=reason)


@rollout.command()
def resume(number: Id, reason: Reason = "") -> None:
    """Go on."""
    _verb(number, "resume", reason=reason)


@rollout.command()
def abort(number: Id, reason: Reason = "") -> None:
    """Give it up: what has not begun is over, what has begun is rolled back."""
    _verb(number, "abort", reason=reason)


@rollout.command()
def rollback(number: Id, reason: Reason = "") -> None:
    """Undo what it wrote; of a stuck one, try once more."""
    _verb(number, "rollback", reason=reason)


@rollout.command()
def watch(number: Id) -> None:
    """Follow a rollout until it ends or waits for a person; exits with 1 unless it completed."""
    clock, seen = threading.Event(), 0
    with told(), spoken_to() as console:
        while True:
            now = console.get(f"rollouts/{number}")
            seen = _news(console, number, seen)
            if now["state"] not in _MOVING:
                break
            clock.wait(_PAUSE_SECONDS)
    _line(now)
    if now["state"] != "completed":
        raise typer.Exit(1)


def _verb(number: int, verb: str, **body: Any) -> None:
    with told(), spoken_to() as console:
        _line(console.ask("POST", f"rollouts/{number}/{verb}", json=body).json())


def _news(console: Console, number: int, seen: int) -> int:
    """Print what was decided since; returns the last one's id."""
    page = console.get(f"rollouts/{number}/decisions", page_size=100)["results"]
    for one in reversed([one for one in page if one["id"] > seen]):
        wave = f"wave {one['wave']}" if one["wave"] else ""
        print(f"{one['at'][11:19]}  {one['verb']:<14} {wave:<8} {one['actor']:<10} {one['why']}")
    return max((one["id"] for one in page), default=seen)


def _line(value: dict[str, Any]) -> None:
    waves = f"{value['passed_count']} of {value['wave_count']} waves passed"
    print(f"rollout {value['id']} is {value['state']}: {waves}. {value['note']}".rstrip())


def _spec(text: str) -> dict[str, Any]:
    try:
        spec = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Refused(f"--spec is not YAML: {error}") from None
    if not isinstance(spec, dict):
        raise Refused("Write --spec as a map, such as '{to: preferred}'.")
    return spec
