"""`meshctl approve` and `meshctl reject`: a person's word about one plan of healing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from meshconsole.cli.session import spoken_to, told
from meshconsole.cli.show import Form, value_print

Id = Annotated[int, typer.Argument(help="The approval's number; see `meshctl get approvals`.")]
Reason = Annotated[str, typer.Option(help="Why; it is written into the case and the audit.")]
Plan = Annotated[
    str, typer.Option(help="First characters of the plan's hash that you read; else the present.")
]
Confirm = Annotated[str, typer.Option(help="The instance's name again, when it is to be removed.")]
Override = Annotated[bool, typer.Option("--override", help="Alone, in an emergency; for admins.")]
Output = Annotated[Form, typer.Option("-o", "--output", help="How to print.")]


def approve(
    number: Id,
    reason: Reason,
    plan: Plan = "",
    confirm: Confirm = "",
    override: Override = False,
    output: Output = Form.yaml,
) -> None:
    """Approve a plan that waits; two persons are needed for a removal."""
    _say(
        "override" if override else "approve",
        number,
        reason=reason,
        plan=plan,
        confirm=confirm,
        output=output,
    )


def reject(number: Id, reason: Reason, plan: Plan = "", output: Output = Form.yaml) -> None:
    """Reject a plan that waits; nothing is done and the case is dismissed."""
    _say("reject", number, reason=reason, plan=plan, confirm="", output=output)


def _say(verb: str, number: int, *, reason: str, plan: str, confirm: str, output: Form) -> None:
    with told(), spoken_to() as console:
        asked = console.get(f"approvals/{number}")
        # A plan that changed since it was read is refused by the console, whose hash is another.
        seen = asked["plan_hash"] if asked["plan_hash"].startswith(plan) else plan
        answer = console.ask(
            "POST",
            f"approvals/{number}/{verb}",
            json={
                "reason": reason,
                "version": asked["version"],
                "plan_hash": seen,
                "confirm": confirm,
            },
        )
        value_print(_short(answer.json()), output)


def _short(approval: dict[str, Any]) -> dict[str, Any]:
    shown = ("id", "case", "state", "action", "instance", "needed", "expires_at", "votes")
    return {name: approval[name] for name in shown}
