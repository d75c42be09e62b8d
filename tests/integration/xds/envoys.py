"""A real Envoy that gets its certificates from our secret service, as server and as client."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
SDS_PYTHON = ROOT / ".venv-xds" / "bin" / "python"
REQUESTS_PER_CONNECTION = 5
"""So that handshakes go on while certificates rotate."""
_TYPES = "type.googleapis.com/envoy.extensions"


def envoy_binary() -> Path | None:
    """Envoy where it is installed, or where ENVOY_BIN says."""
    named = os.environ.get("ENVOY_BIN")
    place = Path(named) if named else Path(sys.executable).parent / "envoy"
    return place if place.exists() else None


def bootstrap(
    *, socket: Path, kind: str, admin: int, entrance: int, inner: int, origin: int
) -> dict[str, Any]:
    """entrance (plaintext) -> mTLS as client -> inner (mTLS as server) -> origin, in one Envoy."""
    return {
        "node": {"id": "envoy-1", "cluster": "order"},
        "admin": {"address": _address(admin)},
        "static_resources": {
            "listeners": [
                _listener("entrance", entrance, "inner", None),
                _listener("inner", inner, "origin", _tls("Downstream", kind)),
            ],
            "clusters": [
                _cluster("origin", origin),
                _cluster("inner", inner, transport_socket=_tls("Upstream", kind)),
                {
                    "name": "sds",
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                            "@type": f"{_TYPES}.upstreams.http.v3.HttpProtocolOptions",
                            "explicit_http_config": {"http2_protocol_options": {}},
                        }
                    },
                    "load_assignment": {
                        "cluster_name": "sds",
                        "endpoints": [
                            {
                                "lb_endpoints": [
                                    {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}
                                ]
                            }
                        ],
                    },
                },
            ],
        },
    }


def _tls(side: str, kind: str) -> dict[str, Any]:
    context: dict[str, Any] = {
        "@type": f"{_TYPES}.transport_sockets.tls.v3.{side}TlsContext",
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_3"}
            | {"tls_maximum_protocol_version": "TLSv1_3"},
            "tls_certificate_sds_secret_configs": [_secret("default", kind)],
            "validation_context_sds_secret_config": _secret("ROOTCA", kind),
        },
    }
    if side == "Downstream":
        context["require_client_certificate"] = True
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _secret(name: str, kind: str) -> dict[str, Any]:
    source = {
        "api_type": kind,
        "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": "sds"}}],
    }
    return {
        "name": name,
        "sds_config": {"resource_api_version": "V3", "api_config_source": source},
    }


def _listener(
    name: str, port: int, cluster: str, transport: dict[str, Any] | None
) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": cluster}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
            }
        ],
    }
    chain: dict[str, Any] = {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }
        ]
    }
    if transport is not None:
        chain["transport_socket"] = transport
    return {"name": name, "address": _address(port), "filter_chains": [chain]}


def _cluster(name: str, port: int, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPES}.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {
                    "max_requests_per_connection": REQUESTS_PER_CONNECTION
                },
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
        **more,
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
