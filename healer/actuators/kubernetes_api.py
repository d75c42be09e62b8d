"""Requests to a Kubernetes API server, and what its refusals mean to an order."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from healer.actuators.protocol import AmbiguousResult, NotNow, Refused
from healer.actuators.surroundings import Surroundings
from healer.actuators.web import Reply, Web, web_at
from meshconsole.core.addresses import Network
from meshconsole.healing.guards.actuator_settings import KubernetesSettings

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_LATER_SECONDS = 10.0
WHAT = "The Kubernetes API"


class Api:
    """One cluster, as one service account of it."""

    def __init__(self, settings: KubernetesSettings, around: Surroundings) -> None:
        self._settings = settings
        self._around = around

    def get(self, path: str, seconds: float) -> dict[str, Any] | None:
        """An object, None when there is none."""
        reply = self._called("GET", path, seconds)
        if reply.status == 404 and _reason(reply) == "NotFound":
            return None
        if reply.status != 200:
            raise self._problem(reply, is_change=False)
        return reply.document()

    def change(self, method: str, path: str, document: dict[str, Any], seconds: float) -> None:
        """Ask for a change; one for a pod that is gone or another now is no error.

        Raises NotNow for a disruption budget that is used up, Refused and AmbiguousResult.
        """
        kind = "merge-patch+json" if method == "PATCH" else "json"
        reply = self._called(method, path, seconds, document, f"application/{kind}")
        if reply.status < 300 or (reply.status == 404 and _reason(reply) == "NotFound"):
            return
        if reply.status == 409:  # another uid: the pod that was meant has ended
            return
        raise self._problem(reply, is_change=True)

    def may(self, verb: str, resource: str, seconds: float) -> bool:
        """Ask the cluster's own authorizer about us; this stores nothing."""
        name, _, part = resource.partition("/")
        attributes = {
            "namespace": self._settings.namespace, "verb": verb, "resource": name,
            "subresource": part,
        }  # fmt: skip
        document = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        reply = self._called(
            "POST", _REVIEW, seconds, document, "application/json", is_question=True
        )
        if reply.status not in (200, 201):
            raise self._problem(reply, is_change=False)
        status = reply.document().get("status")
        return isinstance(status, dict) and status.get("allowed") is True

    def _called(
        self, method: str, path: str, seconds: float, document: dict[str, Any] | None = None,
        kind: str = "", *, is_question: bool = False,
    ) -> Reply:  # fmt: skip
        web, token = self._web()
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        content = b""
        if document is not None:
            headers["content-type"], content = kind, msgspec.json.encode(document)
        return web.call(
            method, path, seconds=seconds, headers=headers, content=content, is_question=is_question
        )

    def _web(self) -> tuple[Web, str]:
        settings, around = self._settings, self._around
        if settings.url:
            if not settings.token:
                raise Refused("Name the file of a token in the settings beside the cluster's url.")
            ca = around.secret_path(settings.ca) if settings.ca else None
            return web_at(WHAT, settings.url, around, ca=ca), around.secret(settings.token)
        if not around.cluster:
            raise Refused(
                "This healer runs in no cluster: give the settings the url of one, a token and "
                "its ca."
            )
        token = _read(around.service_account / "token")
        here = msgspec.structs.replace(around, networks=_only(around.cluster))
        return web_at(WHAT, around.cluster, here, ca=around.service_account / "ca.crt"), token

    def _problem(self, reply: Reply, *, is_change: bool) -> Exception:
        said = _message(reply)
        if reply.status == 401:
            return Refused(f"{WHAT} does not take the token of the settings.")
        if reply.status == 429:
            return NotNow(f"{WHAT} allows no disruption now: {said}", _retry_seconds(reply))
        if reply.status >= 500:
            text = f"{WHAT} failed with status {reply.status}: {said}"
            return AmbiguousResult(text) if is_change else NotNow(text)
        return Refused(f"{WHAT} refuses this: {said}")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        raise Refused(f"The pod's service account has no {path.name}: mount its token.") from None


def _only(url: str) -> tuple[Network, ...]:
    """The one address that the kubelet named."""
    host = urlsplit(url).hostname or ""
    return (ip_network(ip_address(host)),)


def _reason(reply: Reply) -> str:
    """Of a Status object; a proxy's 404 has none."""
    return str(reply.document().get("reason", ""))


def _message(reply: Reply) -> str:
    said = str(reply.document().get("message", "")) or f"status {reply.status}"
    return f"{said.rstrip('.')[:300]}."


def _retry_seconds(reply: Reply) -> float:
    text = reply.headers.get("retry-after", "")
    return min(300.0, float(text)) if text.isdigit() else _LATER_SECONDS
