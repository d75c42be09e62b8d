"""Move order's weights many times under counted load: nothing is lost, nothing comes twice.

Every request carries an id and every origin counts the ids it received, so the verdict is read
from the origins. Requests numbered after the last change was in force show the final split.
"""

from __future__ import annotations

import asyncio
import secrets

from meshconsole.demo.mesh import GROUPS
from meshconsole.drill.figures import percentile
from meshconsole.drill.follow import Follower
from meshconsole.drill.stage import Figures, Scale, Stage
from meshconsole.drill.volley import Volley

ABOUT = "move the split of order many times under counted load; nothing lost, nothing repeated"
SCALE = Scale(requests=100_000, changes=20, concurrency=24, rate=600.0)
SPLITS = ((50, 50), (0, 100), (90, 10), (25, 75), (100, 0), (60, 40), (1, 99))
LAST_SPLIT = (70, 30)
ACTIVE_P99_MS = 300.0
SPLIT_POINTS = 3.0


def run(stage: Stage, scale: Scale) -> Figures:
    """Do it, and say what was short."""
    return asyncio.run(_run(stage, scale))


async def _run(stage: Stage, scale: Scale) -> Figures:
    name = f"w{secrets.token_hex(4)}"
    stage.say(
        f"About to send {scale.requests} requests as {name}.<number> to {stage.demo.entrance}"
        f"/browse while the split of order changes {scale.changes} times."
    )
    follower = Follower(stage)
    async with stage.entrance() as entrance:
        volley = Volley(
            entrance,
            run=name,
            path="/browse",
            host="gateway",
            total=scale.requests,
            rate=scale.rate,
        )
        seconds, settled_at = await asyncio.gather(
            volley.fire(scale.concurrency), _change(stage, volley, follower, scale)
        )
    return await asyncio.to_thread(_verdict, stage, volley, follower, name, settled_at, seconds)


async def _change(stage: Stage, volley: Volley, follower: Follower, scale: Scale) -> int:
    """Change the split at even distances; returns the number from which the last one holds."""
    step = volley.total // (scale.changes + 1)
    for change in range(1, scale.changes + 1):
        await volley.reached(change * step)
        wanted = LAST_SPLIT if change == scale.changes else SPLITS[change % len(SPLITS)]
        split = dict(zip(GROUPS, wanted, strict=True))
        millis = await asyncio.to_thread(follower.change, split)
        words = ", ".join(f"{group} {percent}" for group, percent in split.items())
        stage.say(
            f"  change {change:2d}/{scale.changes}: {words}; active everywhere after "
            f"{millis:.0f} ms; {volley.done} answered, {volley.failed} failed"
        )
    return volley.sent + scale.concurrency


def _verdict(
    stage: Stage, volley: Volley, follower: Follower, run: str, settled_at: int, seconds: float
) -> Figures:
    stage.say("Asking every origin what it received.")
    every = range(volley.total)
    at_gateway = stage.counted(stage.services("gateway"), run, "GET /browse")
    at_order = stage.counted(stage.services("order"), run, "GET /orders/{id}")
    lost_gateway, repeated_gateway = at_gateway.judge(every)
    lost_order, repeated_order = at_order.judge(every)
    groups = {service.instance: service.group for service in stage.services("order")}
    after = at_order.by(groups, range(settled_at, volley.total))
    share = 100 * after[GROUPS[0]] / max(1, sum(after.values()))
    values: dict[str, object] = {
        "requests": volley.total,
        "failed": volley.failed,
        "lost": max(lost_gateway, lost_order),
        "repeated": max(repeated_gateway, repeated_order),
        "changes": len(follower.millis),
        "active_p50_ms": round(percentile(follower.millis, 50), 1),
        "active_p99_ms": round(percentile(follower.millis, 99), 1),
        "final_percent": round(share, 2),
        "wanted_percent": LAST_SPLIT[0],
        "counted_after_last_change": sum(after.values()),
        "latency_p50_ms": round(percentile(volley.millis, 50), 2),
        "latency_p99_ms": round(percentile(volley.millis, 99), 2),
        "seconds": round(seconds, 1),
        "requests_per_second": round(volley.total / seconds),
        "outcomes": dict(volley.outcomes.most_common(8)),
    }
    return Figures(values, _short(volley, follower, values, share))


def _short(
    volley: Volley, follower: Follower, values: dict[str, object], share: float
) -> list[str]:
    short = []
    if volley.failed:
        short.append(f"{volley.failed} requests failed")
    if values["lost"]:
        short.append(f"{values['lost']} requests were lost")
    if values["repeated"]:
        short.append(f"{values['repeated']} requests came more than once")
    if abs(share - LAST_SPLIT[0]) > SPLIT_POINTS:
        short.append(f"{GROUPS[0]} got {share:.1f}% instead of {LAST_SPLIT[0]}%")
    if percentile(follower.millis, 99) > ACTIVE_P99_MS:
        short.append(f"a change took more than {ACTIVE_P99_MS:.0f} ms to be active everywhere")
    return short
