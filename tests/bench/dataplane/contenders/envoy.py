"""Envoy with one worker thread, nothing logged."""

from __future__ import annotations

import json

from tests.bench.dataplane.contenders.roles import Contender, Place, Role, Written

Json = dict[str, object]
_TYPES = "type.googleapis.com/envoy.extensions"
_STREAMS: Json = {"max_concurrent_streams": 1024}


def envoy(binary: str) -> Contender:
    """Envoy as this binary."""

    def written(role: Role, place: Place) -> Written:
        listener = {
            "name": "l",
            "address": _address(place.port),
            "filter_chains": [_chain(role, place)],
        }
        conf = {"static_resources": {"listeners": [listener], "clusters": [_cluster(role, place)]}}
        argv = [binary, "-c", f"{place.folder}/{place.name}.json", "--concurrency", "1"]
        return Written(
            argv=[*argv, "--disable-hot-restart", "-l", "error"],
            files={f"{place.name}.json": json.dumps(conf)},
        )

    return written


def _address(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _typed(name: str, kind: str, **config: object) -> Json:
    return {"name": name, "typed_config": {"@type": f"{_TYPES}.{kind}", **config}}


def _chain(role: Role, place: Place) -> Json:
    if role == "tcp":
        kind = "filters.network.tcp_proxy.v3.TcpProxy"
        return {"filters": [_typed("tcp", kind, stat_prefix="t", cluster="up")]}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "up", "timeout": "0s"}}
    host = {"name": "v", "domains": ["*"], "routes": [route]}
    manager = _typed(
        "http",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="h",
        codec_type="HTTP2" if role == "http2" else "HTTP1",
        generate_request_id=False,
        route_config={"virtual_hosts": [host]},
        http_filters=[_typed("envoy.filters.http.router", "filters.http.router.v3.Router")],
    )
    chain: Json = {"filters": [manager]}
    if role == "inbound":
        chain["transport_socket"] = _typed(
            "envoy.transport_sockets.tls",
            "transport_sockets.tls.v3.DownstreamTlsContext",
            require_client_certificate=True,
            disable_stateless_session_resumption=True,
            disable_stateful_session_resumption=True,
            common_tls_context=_tls(place),
        )
    return chain


def _cluster(role: Role, place: Place) -> Json:
    many = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
    endpoint = {"endpoint": {"address": _address(place.to)}}
    cluster: Json = {
        "name": "up",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [many]},
        "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if role == "http2":
        kind = "upstreams.http.v3.HttpProtocolOptions"
        cluster["typed_extension_protocol_options"] = {
            f"envoy.extensions.{kind}": {
                "@type": f"{_TYPES}.{kind}",
                "explicit_http_config": {"http2_protocol_options": _STREAMS},
            }
        }
    if role == "outbound":
        cluster["transport_socket"] = _typed(
            "envoy.transport_sockets.tls",
            "transport_sockets.tls.v3.UpstreamTlsContext",
            sni="localhost",
            max_session_keys=0,
            common_tls_context=_tls(place),
        )
    return cluster


def _tls(place: Place) -> Json:
    files = place.certificates
    shown = {
        "certificate_chain": {"filename": str(files.leaf)},
        "private_key": {"filename": str(files.key)},
    }
    version = "TLSv1_3"
    return {
        "tls_certificates": [shown],
        "validation_context": {"trusted_ca": {"filename": str(files.ca)}},
        "tls_params": {
            "tls_minimum_protocol_version": version,
            "tls_maximum_protocol_version": version,
        },
    }
