"""`meshctl report`: tell the console of a failing instance from outside, or of its recovery."""

from __future__ import annotations

import secrets
import time
from typing import Annotated

import typer

from meshconsole.cli.session import spoken_to, told
from meshconsole.cli.show import Form, value_print

TYPE = "io.meshconsole.anomaly.reported.v1"
Instance = Annotated[str, typer.Argument(help="The instance's id.")]
App = Annotated[str, typer.Option("--app", help="Its application; looked up when not given.")]
Rule = Annotated[str, typer.Option(help="connect, timeout, 5xx, protocol, error_rate, latency.")]
Recovered = Annotated[bool, typer.Option("--recovered", help="It is well again.")]
Seconds = Annotated[float, typer.Option(help="How long it was looked at, until now.")]
Requests = Annotated[int, typer.Option(help="How often it was asked.")]
Failures = Annotated[int, typer.Option(help="How often it failed.")]
Note = Annotated[str, typer.Option(help="What was seen, in a few words.")]
Output = Annotated[Form, typer.Option("-o", "--output", help="How to print.")]
_CLASSES = ("connect", "timeout", "5xx", "protocol")


def report(
    instance: Instance,
    app: App = "",
    rule: Rule = "error_rate",
    recovered: Recovered = False,
    seconds: Seconds = 60.0,
    requests: Requests = 0,
    failures: Failures = 0,
    note: Note = "",
    output: Output = Form.yaml,
) -> None:
    """Report an instance as failing; such a report may propose, and is no voice in a quorum."""
    now = time.time()
    kind = rule if rule in _CLASSES else "5xx"
    with told(), spoken_to() as console:
        app = app or console.get(f"instances/{instance}")["application"]
        event = {
            "specversion": "1.0",
            "type": TYPE,
            "source": "/meshctl",
            "id": secrets.token_hex(12),
            "datacontenttype": "application/json",
            "data": {
                "subject": {"instance": instance, "app": app},
                "phase": "recovered" if recovered else "failing",
                "rule": rule,
                "window_start": now - seconds,
                "window_end": now,
                "n": requests,
                "errors": {kind: failures} if failures else {},
                "samples": [{"error": kind, "detail": note}] if note else [],
            },
        }
        answer = console.ask("POST", "anomaly-reports", json=[event])
        value_print(answer.json(), output)
