"""A stand-in for the Kubernetes API server: pods of one namespace, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tests.harness.peer import Asked, Said, said_json

_POD = re.compile(r"/api/v1/namespaces/([a-z0-9-]+)/pods/([^/]+)(/eviction)?")
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SERVING = "meshconsole.io/serving"
TOKEN = "a-service-account-token"
BUDGET = "Cannot evict pod as it would violate the pod's disruption budget."


class Pod(msgspec.Struct):
    """One pod."""

    uid: str
    owner: str = "StatefulSet/shop"
    labels: dict[str, str] = msgspec.field(default_factory=lambda: {SERVING: "yes"})
    annotations: dict[str, str] = {}
    is_ending: bool = False
    is_ready: bool = True


class Cluster:
    """Answers as the API server does; `settle` is the kubelet and the controllers."""

    def __init__(self, **pods: Pod) -> None:
        self.pods = {name.replace("_", "-"): pod for name, pod in pods.items()}
        self.rights = {("create", "pods/eviction"), ("delete", "pods"), ("patch", "pods")}
        self.budget = 1
        self.ended: list[str] = []
        """Uids whose end was asked for, in order."""
        self.asked: list[str] = []
        self.answer: Said | None = None
        """Given instead to the next change, after it was made."""

    def __call__(self, asked: Asked) -> Said:
        self.asked.append(f"{asked.method} {asked.path}")
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized", "Unauthorized")
        document = msgspec.json.decode(asked.body) if asked.body else {}
        if (asked.method, asked.path) == ("POST", _REVIEW):
            return self._review(document)
        found = _POD.fullmatch(asked.path)
        if found is None or found[1] != "shop":
            return Said(404, b"404 page not found")
        return self._pod(asked, found[2], bool(found[3]), document)

    def settle(self) -> None:
        """End what is ending; a stateful set makes a pod of the same name again."""
        for name, pod in list(self.pods.items()):
            if pod.is_ending:
                del self.pods[name]
                if pod.owner.startswith("StatefulSet"):
                    self.pods[name] = Pod(uid=f"{pod.uid}+", owner=pod.owner)

    def _pod(self, asked: Asked, name: str, is_eviction: bool, document: dict[str, Any]) -> Said:
        pod = self.pods.get(name)
        if pod is None:
            return _status(404, "NotFound", f'pods "{name}" not found')
        if asked.method == "GET":
            return said_json(200, _shown(name, pod))
        said = self._changed(asked, name, pod, is_eviction, document)
        if self.answer is not None:
            said, self.answer = self.answer, None
        return said

    def _changed(
        self, asked: Asked, name: str, pod: Pod, is_eviction: bool, document: dict[str, Any]
    ) -> Said:
        verb = {"PATCH": "patch", "DELETE": "delete", "POST": "create"}[asked.method]
        resource = "pods/eviction" if is_eviction else "pods"
        if (verb, resource) not in self.rights:
            text = f'pods "{name}" is forbidden: User "system:serviceaccount:shop:healer" cannot '
            return _status(403, "Forbidden", f"{text}{verb} resource")
        if verb == "patch":
            return self._patched(asked, name, pod, document)
        if is_eviction and (document.get("apiVersion"), document.get("kind")) != (
            "policy/v1", "Eviction",
        ):  # fmt: skip
            return _status(400, "BadRequest", "no kind is registered for this")
        options = document["deleteOptions"] if is_eviction else document
        uid = options.get("preconditions", {}).get("uid")
        if uid is not None and uid != pod.uid:
            text = f"the UID in the precondition ({uid}) does not match the UID in record"
            return _status(409, "Conflict", f"Precondition failed: {text}")
        if is_eviction and not pod.is_ending:
            if self.budget < 1:
                return _status(429, "TooManyRequests", BUDGET, **{"retry-after": "7"})
            self.budget -= 1
        if not pod.is_ending:
            self.ended.append(pod.uid)
        pod.is_ending = True
        return _status(201 if is_eviction else 200, "", "")

    def _patched(self, asked: Asked, name: str, pod: Pod, document: dict[str, Any]) -> Said:
        if asked.headers.get("content-type") != "application/merge-patch+json":
            return _status(
                415, "UnsupportedMediaType", "the body of the request is of no known type"
            )
        metadata = document["metadata"]
        if metadata.get("uid", pod.uid) != pod.uid:
            return _status(409, "Conflict", "the object has been modified")
        pod.labels = pod.labels | metadata.get("labels", {})
        pod.annotations = pod.annotations | metadata.get("annotations", {})
        return said_json(200, _shown(name, pod))

    def _review(self, document: dict[str, Any]) -> Said:
        wanted = document["spec"]["resourceAttributes"]
        resource = "/".join(part for part in (wanted["resource"], wanted["subresource"]) if part)
        allowed = (wanted["verb"], resource) in self.rights
        return said_json(201, {"kind": "SelfSubjectAccessReview", "status": {"allowed": allowed}})


def _shown(name: str, pod: Pod) -> dict[str, Any]:
    kind, _, owner = pod.owner.partition("/")
    metadata: dict[str, Any] = {
        "name": name, "uid": pod.uid, "labels": pod.labels, "annotations": pod.annotations,
        "creationTimestamp": "2026-03-01T10:00:00Z",
    }  # fmt: skip
    if owner:
        metadata["ownerReferences"] = [{"kind": kind, "name": owner, "controller": True}]
    if pod.is_ending:
        metadata["deletionTimestamp"] = "2026-03-01T10:30:00Z"
    ready = {"type": "Ready", "status": "True" if pod.is_ready else "False"}
    return {"kind": "Pod", "metadata": metadata, "status": {"conditions": [ready]}}


def _status(code: int, reason: str, message: str, **headers: str) -> Said:
    document = {
        "kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message,
        "status": "Success" if code < 300 else "Failure",
    }  # fmt: skip
    return said_json(code, document, **headers)
