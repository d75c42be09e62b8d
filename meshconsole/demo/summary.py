"""The ten lines a person reads once the demo serves."""

from __future__ import annotations

from collections import Counter

from meshconsole.demo.state import DemoFile


def summary(demo: DemoFile, password: str, seconds: float) -> list[str]:
    """What runs, where to look and how to get in; the password appears here and nowhere else."""
    apps = Counter(service.app for service in demo.services)
    chain = " -> ".join(f"{app} ({count})" for app, count in apps.items())
    count = len(demo.processes)
    if not demo.services:
        return [
            "",
            f"The console serves after {seconds:.1f} s.",
            f"  console    {demo.console}",
            f"  sign in    {demo.user} / {password}   (this password is for this run)",
            f"  processes  {count}, each with a log in .meshconsole/logs and a line in demo.json",
            "  stop       Ctrl-C ends all of it",
        ]
    broken = demo.services[-1].instance
    return [
        "",
        f"The mesh serves after {seconds:.1f} s.",
        f"  console    {demo.console}",
        f"  sign in    {demo.user} / {password}   (this password is for this run)",
        "             oncall and lead have the same one: some plans need two more people",
        f"  entrance   {demo.entrance}   GET /browse, POST /checkout, POST /transfer",
        f"  sample     {chain}, in two units, each instance behind its own sidecar",
        f'  load       {demo.load}/_stats   (POST /_rate {{"rate": n}} changes it)',
        f'  break it   {demo.console}/demo/faults/   or make break ARGS="{broken} dead"',
        f"  processes  {count}, each with a log in .meshconsole/logs and a line in demo.json",
        "  stop       Ctrl-C ends all of it",
    ]
