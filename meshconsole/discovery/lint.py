"""What looks wrong in a mesh before it is served: findings with stable codes and places.

`warn` is served and shown; `block` keeps the variants that contain it at their last good content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from meshconsole.discovery.compiler import LinkFact, MeshFacts, Rendering, Revision
from proxy.contract.check import Fault, check
from proxy.contract.session import FRAME_LIMIT_BYTES
from proxy.contract.snapshot import Route, Rule, Service, Snapshot

_FRAME_ALLOWANCE_BYTES = 1024
"""What a push adds to the snapshot it carries: nonce, version, digest."""

Level = Literal["warn", "block"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding: a stable code, how bad, where (JSON pointer), and a sentence."""

    code: str
    level: Level
    path: str
    msg: str


_CODES: dict[str, str] = {
    "percent_sum": "MC0102",
    "group_missing": "MC0103",
    "service_missing": "MC0105",
    "address": "MC0106",
    "percent": "MC0107",
    "callers_missing": "MC0111",
    "healing": "MC0112",
}
"""The contract's faults that an operator can cause; any other is MC0199."""


def lint(facts: MeshFacts, revision: Revision) -> list[Finding]:
    """Warnings about a revision that is consistent in itself."""
    return [
        *(
            finding
            for name, route in revision.routes.items()
            if name in revision.services
            for finding in _empty_targets(route, revision.services[name])
        ),
        *_shared_addresses(facts),
        *(finding for link in facts.links for finding in _links(link, facts)),
    ]


def faults(snapshot: Snapshot, rendering: Rendering) -> list[Finding]:
    """What forbids a variant to be served: every fault of the contract's check, and its size."""
    found = [_blocked(fault) for fault in check(snapshot)]
    if len(rendering.data) > FRAME_LIMIT_BYTES - _FRAME_ALLOWANCE_BYTES:
        found.append(
            Finding(
                code="MC0108",
                level="block",
                path="/",
                msg=f"The snapshot has {len(rendering.data)} bytes and does not fit a frame of "
                f"{FRAME_LIMIT_BYTES}; divide the mesh.",
            )
        )
    return found


def _blocked(fault: Fault) -> Finding:
    code = _CODES.get(fault.code, "MC0199")
    return Finding(code=code, level="block", path=fault.path, msg=fault.msg)


def _empty_targets(route: Route, service: Service) -> Iterator[Finding]:
    filled = {endpoint.group for endpoint in service.endpoints}
    for at, rule in enumerate(route.rules):
        for place, group in _targets(rule):
            if group in service.groups and group not in filled:
                yield Finding(
                    code="MC0101",
                    level="warn",
                    path=f"/route/{route.name}/rules/{at}/split/{place}",
                    msg=f"Group {group!r} of {route.name!r} receives traffic and has no instance; "
                    "start one, or move the weight away.",
                )


def _targets(rule: Rule) -> Iterator[tuple[int, str]]:
    return ((at, share.group) for at, share in enumerate(rule.split) if share.percent > 0)


def _links(link: LinkFact, facts: MeshFacts) -> Iterator[Finding]:
    modes = {link.mode_of(one.id) for one in facts.instances if one.app == link.app}
    if link.callers_mode == "enforce" and modes & {"plaintext", "permissive", "preferred"}:
        yield Finding(
            code="MC0109",
            level="warn",
            path=f"/inbound/{link.app}/callers_mode",
            msg=f"{link.app!r} enforces its list of callers while instances take plaintext, which "
            "proves nobody: those requests are refused. Make it strict first, or observe.",
        )
    known = {app.name for app in facts.applications}
    for caller in link.callers:
        if caller.app and caller.app not in known:
            yield Finding(
                code="MC0110",
                level="warn",
                path=f"/inbound/{link.app}/callers",
                msg=f"{link.app!r} lets {caller.app!r} call, which is no application; correct the "
                "name, or register it.",
            )


def _shared_addresses(facts: MeshFacts) -> Iterator[Finding]:
    used = Counter(instance.addr for instance in facts.instances if instance.serving)
    for instance in sorted(facts.instances, key=lambda one: one.id):
        if instance.serving and used[instance.addr] > 1:
            yield Finding(
                code="MC0104",
                level="warn",
                path=f"/service/{instance.app}",
                msg=f"Instance {instance.id!r} shares the address {instance.addr} with another; "
                "give each its own.",
            )
