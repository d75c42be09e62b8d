"""Reports become running totals per bucket; nothing here waits or asks for the time."""

from __future__ import annotations

import math
from functools import lru_cache

from meshconsole.telemetry.store import (
    OTHER,
    EdgeKey,
    InstanceKey,
    bucket_of,
    encode_edges,
    encode_instances,
)
from meshconsole.telemetry.tally import Tally, tally_of
from proxy.contract.identity import InstanceIdentity, InvalidIdentity, check_name
from proxy.contract.reports import EdgeWindow
from proxy.contract.session import Report

EDGES_PER_BUCKET = 5000
INSTANCES_PER_BUCKET = 5000
INTERFACES_PER_APPLICATION = 100
_OTHERS = (OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER)
FUTURE_SECONDS = 10
"""A window that is said to be further ahead than this is counted as of now."""


class Bucket:
    """Ten seconds of traffic as one writer knows them."""

    __slots__ = ("begin", "dirty", "edges", "end", "instances", "interfaces", "writer")

    def __init__(self, writer: str) -> None:
        self.writer = writer
        self.begin = math.inf
        self.end = 0.0
        self.dirty = True
        self.edges: dict[EdgeKey, Tally] = {}
        self.instances: dict[InstanceKey, Tally] = {}
        self.interfaces: dict[tuple[str, str], set[str]] = {}

    def add(self, identity: InstanceIdentity, group: str, window: EdgeWindow) -> bool:
        """Count one window of one sidecar; False when its numbers cannot be true."""
        tally = tally_of(window)
        if tally is None:
            return False
        if window.side == "in":
            self._add_instance(identity, group, tally)
        key = self._within_caps(_edge_key(identity, group, window))
        known = self.edges.get(key)
        if known is None:
            self.edges[key] = tally
        else:
            known.add(tally)
        self.dirty = True
        return True

    def cover(self, begin: float, end: float) -> None:
        """Remember which moments reports spoke of."""
        self.begin = min(self.begin, begin)
        self.end = max(self.end, end)

    def encoded_edges(self) -> bytes:
        """The field's value for this bucket's edges."""
        return encode_edges(self.begin, self.end, self.edges)

    def encoded_instances(self) -> bytes:
        """The field's value for this bucket's instances."""
        return encode_instances(self.begin, self.end, self.instances)

    def _add_instance(self, identity: InstanceIdentity, group: str, tally: Tally) -> None:
        key = InstanceKey(identity.instance, identity.app, identity.unit, _name(group))
        known = self.instances.get(key)
        if known is None and len(self.instances) >= INSTANCES_PER_BUCKET:
            key = InstanceKey(OTHER, OTHER, OTHER, OTHER)
            known = self.instances.get(key)
        if known is None:
            known = self.instances[key] = Tally()
        known.add(tally)

    def _within_caps(self, key: EdgeKey) -> EdgeKey:
        if key in self.edges:
            return key
        interfaces = self.interfaces.setdefault((key.side, key.app), set())
        if key.interface not in interfaces:
            if len(interfaces) >= INTERFACES_PER_APPLICATION:
                key = key._replace(interface=OTHER)
            else:
                interfaces.add(key.interface)
        if len(self.edges) < EDGES_PER_BUCKET or key in self.edges:
            return key
        return EdgeKey(key.side, *_OTHERS, key.encrypted)


def bucket_for(report: Report, now: float) -> int | None:
    """The bucket of a report's window, by its middle; None when its times cannot be true."""
    begin, end = report.window_start, report.window_end
    if not (math.isfinite(begin) and math.isfinite(end)) or begin < 0 or end < begin:
        return None
    middle = (begin + end) / 2
    return bucket_of(now if middle > now + FUTURE_SECONDS else middle)


def _edge_key(identity: InstanceIdentity, group: str, window: EdgeWindow) -> EdgeKey:
    interface = _interface(window.interface)
    own = (identity.app, identity.unit, _name(group))
    if window.side == "in":
        return EdgeKey("in", "", "", "", *own, interface, window.encrypted)
    callee = (_name(window.app), _name(window.unit), _name(window.group))
    return EdgeKey("out", *own, *callee, interface, window.encrypted)


@lru_cache(maxsize=4096)
def _name(name: str) -> str:
    try:
        return check_name(name) if name else ""
    except InvalidIdentity:
        return OTHER


@lru_cache(maxsize=4096)
def _interface(name: str) -> str:
    return name if len(name) <= 200 and name.isprintable() else OTHER
