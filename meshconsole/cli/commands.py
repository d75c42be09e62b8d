"""The verbs of meshctl; they are those of the page and of the API."""

from __future__ import annotations

import getpass
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from meshconsole.cli.approvals import approve, reject
from meshconsole.cli.checks import checks_run
from meshconsole.cli.client import Console, Refused, sign_in, token_of
from meshconsole.cli.profile import Profile, profile_write
from meshconsole.cli.reports import report
from meshconsole.cli.rollouts import rollout
from meshconsole.cli.session import spoken_to, told
from meshconsole.cli.show import COLUMNS, Form, plan_print, rows_print, value_print

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The mesh's console at a terminal."
)
weights = typer.Typer(no_args_is_help=True, help="The split of an application's traffic.")
app.add_typer(weights, name="weights")
app.add_typer(rollout, name="rollout")
app.command()(approve)
app.command()(reject)
app.command()(report)
Output = Annotated[Form, typer.Option("-o", "--output", help="How to print.")]
Source = Annotated[str, typer.Option("-f", "--file", help="Documents; - reads standard input.")]
Reason = Annotated[str, typer.Option(help="Why; it is written into the audit.")]


@app.command()
def login(
    url: Annotated[str, typer.Argument(help="The console, such as http://127.0.0.1:8000.")],
    user: Annotated[str, typer.Option(help="Your user name.")] = "",
    token: Annotated[str, typer.Option(help="A token you have, instead of a password.")] = "",
    role: Annotated[str, typer.Option(help="The new token's role.")] = "operator",
    days: Annotated[int, typer.Option(help="The new token's life.")] = 30,
) -> None:
    """Keep a console and a token for it; with a password a new token is made."""
    url = url.rstrip("/")
    with told():
        if not token:
            user = user or input("User: ")
            piped = not sys.stdin.isatty()
            password = sys.stdin.readline().rstrip("\n") if piped else getpass.getpass()
            with closing(sign_in(url, user, password)) as session:
                token = token_of(session, name="meshctl", role=role, days=days)
        profile = Profile(url, token)
        with spoken_to(profile) as console:
            me = console.get("me")
        kept = profile_write(profile)
    print(f"You are {me['user']} ({me['role']}) at {url}; kept in {kept}.")


@app.command()
def get(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(COLUMNS)}.")],
    name: Annotated[str, typer.Argument(help="One object instead of the list.")] = "",
    output: Output = Form.table,
    application: Annotated[str, typer.Option("--app", help="Only of this application.")] = "",
    unit: Annotated[str, typer.Option(help="Only of this unit.")] = "",
) -> None:
    """List objects, or print one."""
    with told(), spoken_to() as console:
        if name:
            value_print(console.get(f"{_kind(kind)}/{name}"), output)
            return
        rows = list(console.list(_kind(kind), application=application, unit=unit))
    rows_print(_kind(kind), rows, output)


@app.command()
def describe(
    kind: Annotated[str, typer.Argument(help="Such as application, instance or route.")],
    name: Annotated[str, typer.Argument(help="The object's name.")],
    output: Output = Form.yaml,
) -> None:
    """Print one object with its latest history."""
    plural = _kind(kind)
    with told(), spoken_to() as console:
        value = console.get(f"{plural}/{name}")
        subject = f"{plural.removesuffix('s')}:{name}"
        history = console.get("audit", object=subject, page_size=10)["results"]
    shown = ("at", "actor", "verb", "reason")
    value["history"] = [{key: row[key] for key in shown} for row in history]
    value_print(value, output)


@app.command()
def export(
    file: Annotated[str, typer.Option("-f", "--file", help="Write here.")] = "-",
) -> None:
    """Print the whole intent as YAML documents."""
    with told(), spoken_to() as console:
        text = console.ask("GET", "export", headers={"Accept": "*/*"}).text
    if file == "-":
        print(text, end="")
    else:
        Path(file).write_text(text)


@app.command()
def apply(
    file: Source,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    reason: Reason = "",
) -> None:
    """Make the mesh as the documents say: all of them or none."""
    with told(), spoken_to() as console:
        plan_print(_apply(console, file, dry_run=dry_run, reason=reason))


@app.command()
def diff(file: Source) -> None:
    """Show what applying would change; exits with 1 when something would."""
    with told(), spoken_to() as console:
        plan = _apply(console, file, dry_run=True)
    plan_print(plan, diff=True)
    if any(part["outcome"] != "unchanged" for part in plan["plan"]):
        raise typer.Exit(1)


@app.command()
def check() -> None:
    """Is the mesh well? One line each; exits with 1 when something failed."""
    with told(), spoken_to() as console:
        failed = checks_run(console)
    if failed:
        raise typer.Exit(1)


@weights.command("get")
def weights_get(application: str, output: Output = Form.yaml) -> None:
    """Print the split in force."""
    with told(), spoken_to() as console:
        value_print(console.get(f"routes/{application}"), output)


@weights.command("set")
def weights_set(
    application: str,
    shares: Annotated[list[str], typer.Argument(help="Such as Group_1=90 Group_2=10.")],
    reason: Reason = "",
) -> None:
    """Set the percent of every group; they sum to 100."""
    with told(), spoken_to() as console:
        split = _shares(shares)
        tag = console.ask("GET", f"routes/{application}").headers["ETag"]
        answer = console.ask(
            "PUT",
            f"routes/{application}",
            json={"split": split, "reason": reason},
            headers={"If-Match": tag},
        )
        value_print(answer.json(), Form.yaml)


def _apply(console: Console, file: str, *, dry_run: bool, reason: str = "") -> dict[str, Any]:
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    query = {"dry_run": "1" if dry_run else "0", "reason": reason}
    headers = {"Content-Type": "application/yaml"}
    plan: dict[str, Any] = console.ask(
        "POST", "apply", content=raw, params=query, headers=headers
    ).json()
    return plan


def _shares(given: list[str]) -> dict[str, float]:
    try:
        return {name: float(percent) for name, percent in (one.split("=") for one in given)}
    except ValueError:
        raise Refused("Write each share as GROUP=PERCENT, such as Group_1=90.") from None


def _kind(given: str) -> str:
    for plural in COLUMNS:
        if given in (plural, plural.removesuffix("s"), f"{plural.removesuffix('ies')}y"):
            return plural
    raise Refused(f"There is no kind {given!r}; there are {', '.join(COLUMNS)}.")
