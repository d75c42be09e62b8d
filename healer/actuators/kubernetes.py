"""Pods by the Kubernetes API: evicted within disruption budgets, or cordoned by label and removed.

Each change names the uid of the pod it was decided on, and the API server refuses it for any other:
however late or often an order is given, it never touches the pod that came after.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Literal

import msgspec

from healer.actuators.kubernetes_api import Api
from healer.actuators.names import name_of, order_check
from healer.actuators.protocol import (
    Action,
    ActuatorError,
    AmbiguousResult,
    Check,
    Finding,
    Order,
    PlanText,
    Refused,
    Status,
    finding,
)
from healer.actuators.surroundings import Surroundings
from meshconsole.healing.guards.actuator_settings import KubernetesSettings

ANNOTATION = "meshconsole.io/order"
_ACTIONS: frozenset[Action] = frozenset({"restart_host", "remove"})


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """What of a pod matters here."""

    uid: str
    controller: str
    """`ReplicaSet/shop-7d` ...; empty when nobody would make it again."""
    is_ready: bool
    is_ending: bool
    created_at: float


class KubernetesActuator:
    """Evicts or removes one pod; a container alone cannot be restarted by this API."""

    name = "kubernetes"
    actions = _ACTIONS

    def __init__(self, settings: KubernetesSettings, around: Surroundings) -> None:
        self._settings = settings
        self._api = Api(settings, around)

    def plan(self, order: Order) -> PlanText:
        """The requests."""
        pod, base = self._pod(order), self._base(order)
        steps = []
        if order.action == "remove":
            steps.append(f"PATCH {base} label {self._settings.cordon_label}=no")
        if self._settings.way == "evict":
            steps.append(f"POST {base}/eviction, within disruption budgets")
        else:
            steps.append(f"DELETE {base}")
        verb = "Remove" if order.action == "remove" else "Replace"
        return PlanText(
            summary=f"{verb} pod {pod}: its controller makes another.", steps=tuple(steps)
        )

    def dry_run(self, order: Order) -> Finding:
        """Look at the pod, and ask the API server what we may."""
        name, ends = self._pod(order), time.monotonic() + order.deadline_seconds
        try:
            pod = self._look(order, _left(ends))
            checks = [self._right(*each, seconds=_left(ends)) for each in self._needed(order)]
        except ActuatorError as error:
            return finding((Check("kubernetes", False, str(error)),))
        if pod is None:
            return finding((Check("pod", False, f"There is no pod {name} in this namespace."),))
        checks.insert(0, Check("pod", True, f"Pod {name} has the uid {pod.uid}."))
        is_kept = bool(pod.controller) or order.action == "remove"
        text = pod.controller or "nobody: it would not be made again"
        checks.append(Check("controller", is_kept, f"Pod {name} is kept by {text}."))
        before = msgspec.json.encode({"uid": pod.uid, "controller": pod.controller}).decode()
        return finding(tuple(checks), before=before)

    def execute(self, order: Order) -> Status:
        """Cordon if it is for good, then evict or delete, each for that uid alone."""
        ends = time.monotonic() + order.deadline_seconds
        pod = self._look(order, _left(ends))
        status = self._told(order, pod)
        if status.state != "unknown" or pod is None:
            return status
        if not pod.controller and order.action != "remove":
            raise Refused(
                f"Nobody would make pod {self._pod(order)} again: run it by a deployment or a "
                "stateful set, or remove it."
            )
        if order.action == "remove":
            self._cordon(order, pod, _left(ends))
        self._end(order, pod, _left(ends))
        return self._told(order, self._look(order, _left(ends)))

    def status(self, order: Order) -> Status:
        """Whether the pod it was decided on is there still."""
        return self._told(order, self._look(order, order.deadline_seconds))

    def _told(self, order: Order, pod: Pod | None) -> Status:
        before = _before(order)
        name, uid = self._pod(order), before.get("uid", "")
        if pod is None:
            if not uid:
                raise Refused(f"There is no pod {name}: check the pattern in the settings.")
            return Status(
                state="done", detail=f"Pod {name} is gone.", replacement=_replacement(order, before)
            )
        if not uid and not order.ordered_at:
            raise AmbiguousResult(
                f"Whether pod {name} is the one that was meant cannot be told: nothing was noted "
                "of it before the step. Look at it and decide by hand."
            )
        evidence = {"uid": pod.uid}
        is_same = pod.uid == uid if uid else pod.created_at <= order.ordered_at
        if is_same:
            if pod.is_ending:
                return Status(state="running", detail=f"Pod {name} is ending.", evidence=evidence)
            return Status(state="unknown", detail=f"Pod {name} is as it was.", evidence=evidence)
        if order.action == "remove":
            return Status(
                state="done", detail=f"Another pod {name} is in its place.", evidence=evidence,
                replacement="started",
            )  # fmt: skip
        detail = f"Another pod {name} is {'ready' if pod.is_ready else 'not ready yet'}."
        return Status(state="done" if pod.is_ready else "running", detail=detail, evidence=evidence)

    def _cordon(self, order: Order, pod: Pod, seconds: float) -> None:
        """Take it out of its services and its replica set, whose selectors want the label."""
        label = {self._settings.cordon_label: "no"}
        metadata = {"uid": pod.uid, "labels": label, "annotations": {ANNOTATION: order.key}}
        self._api.change("PATCH", self._base(order), {"metadata": metadata}, seconds)

    def _end(self, order: Order, pod: Pod, seconds: float) -> None:
        settings = self._settings
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": settings.grace_seconds,
            "preconditions": {"uid": pod.uid},
        }
        if settings.way == "delete":
            self._api.change("DELETE", self._base(order), options, seconds)
            return
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": self._pod(order), "namespace": settings.namespace},
            "deleteOptions": options,
        }
        self._api.change("POST", f"{self._base(order)}/eviction", eviction, seconds)

    def _look(self, order: Order, seconds: float) -> Pod | None:
        document = self._api.get(self._base(order), seconds)
        return None if document is None else _shown(document)

    def _needed(self, order: Order) -> list[tuple[str, str]]:
        """Verb and resource that the step uses."""
        by = ("create", "pods/eviction") if self._settings.way == "evict" else ("delete", "pods")
        return [by, *([("patch", "pods")] if order.action == "remove" else [])]

    def _right(self, verb: str, resource: str, *, seconds: float) -> Check:
        is_allowed = self._api.may(verb, resource, seconds)
        text = "allows" if is_allowed else "does not allow"
        return Check(
            f"{verb} {resource}", is_allowed, f"The cluster {text} us to {verb} {resource}."
        )

    def _pod(self, order: Order) -> str:
        order_check(order, self.actions)
        return name_of("pod", order.target, self._settings.pod)

    def _base(self, order: Order) -> str:
        return f"/api/v1/namespaces/{self._settings.namespace}/pods/{self._pod(order)}"


def _shown(document: dict[str, Any]) -> Pod:
    metadata, status = document.get("metadata") or {}, document.get("status") or {}
    owners = [each for each in metadata.get("ownerReferences") or [] if each.get("controller")]
    conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or []}
    created = str(metadata.get("creationTimestamp", "")).replace("Z", "+00:00")
    return Pod(
        uid=str(metadata.get("uid", "")),
        controller=f"{owners[0].get('kind')}/{owners[0].get('name')}" if owners else "",
        is_ready=conditions.get("Ready") == "True",
        is_ending=bool(metadata.get("deletionTimestamp")),
        created_at=datetime.fromisoformat(created).timestamp() if created else 0.0,
    )


def _replacement(order: Order, before: dict[str, str]) -> Literal["", "requested", "needed"]:
    if order.action != "remove":
        return ""
    return "requested" if before.get("controller") else "needed"


def _before(order: Order) -> dict[str, str]:
    try:
        return msgspec.json.decode(order.before or "{}", type=dict[str, str])
    except msgspec.DecodeError:
        return {}


def _left(ends: float) -> float:
    return max(0.1, ends - time.monotonic())
