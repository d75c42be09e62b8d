"""nginx: the origin behind everybody, and a contender with one worker."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.bench.dataplane.contenders.roles import Place, Role, Written

_STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
SMALL = '{"ok":true,"item":"0123456789abcdef0123456789abcdef","n":42}'


def origin(folder: Path, http1: int, http2: int) -> Written:
    """The origin: a small JSON answer, and one of 10 KiB."""
    conf = f"""{_head(folder, "origin")}
http {{
 {_http(folder, "origin")}
 tcp_nodelay on; server_tokens off;
 http2_max_requests 1000000000; http2_max_concurrent_streams 1024;
 server {{
  listen 127.0.0.1:{http1} backlog=4096; listen 127.0.0.1:{http2} http2 backlog=4096;
  default_type application/json;
  location = /10k {{ set $k "{"x" * 1024}"; return 200 "{"$k" * 10}"; }}
  location / {{ add_header x-env bench; add_header cache-control no-store; return 200 '{SMALL}'; }}
 }}
}}
"""
    return _written(folder, "origin", conf)


def nginx(role: Role, place: Place) -> Written:
    """One worker, keep-alive to the origin, nothing logged."""
    text = _tcp(place) if role == "tcp" else _web(role, place)
    return _written(place.folder, place.name, text)


def _tcp(place: Place) -> str:
    module = f"load_module {_STREAM};\n" if _STREAM.exists() else ""
    return f"""{module}{_head(place.folder, place.name)}
stream {{ server {{
 listen 127.0.0.1:{place.port} backlog=4096; proxy_pass 127.0.0.1:{place.to}; tcp_nodelay on;
}} }}
"""


def _web(role: Role, place: Place) -> str:
    tls = place.certificates
    listen = {"inbound": " ssl", "http2": " http2"}.get(role, "")
    inbound = f"""
  ssl_certificate {tls.leaf}; ssl_certificate_key {tls.key}; ssl_client_certificate {tls.ca};
  ssl_verify_client on; ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache off;"""
    outbound = f"""
  proxy_ssl_certificate {tls.leaf}; proxy_ssl_certificate_key {tls.key}; proxy_ssl_verify on;
  proxy_ssl_trusted_certificate {tls.ca}; proxy_ssl_name localhost; proxy_ssl_protocols TLSv1.3;"""
    scheme = "https" if role == "outbound" else "http"
    passing = (
        "grpc_pass grpc://up;"
        if role == "http2"
        else f'proxy_pass {scheme}://up; proxy_http_version 1.1; proxy_set_header Connection "";'
    )
    return f"""{_head(place.folder, place.name)}
http {{
 {_http(place.folder, place.name)}
 tcp_nodelay on; http2_max_requests 1000000000; http2_max_concurrent_streams 1024;
 upstream up {{
  server 127.0.0.1:{place.to};
  keepalive 512; keepalive_requests 1000000000; keepalive_timeout 600s;
 }}
 server {{
  listen 127.0.0.1:{place.port}{listen} backlog=4096;
  {inbound if role == "inbound" else ""}{outbound if role == "outbound" else ""}
  location / {{ {passing} }}
 }}
}}
"""


def _head(folder: Path, name: str) -> str:
    return f"""daemon off; master_process off; worker_processes 1;
pid {folder}/{name}.pid; error_log {folder}/{name}.err crit;
events {{ worker_connections 8192; }}"""


def _http(folder: Path, name: str) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{name}-{kind};" for kind in kinds)
    return f"access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; {paths}"


def _written(folder: Path, name: str, conf: str) -> Written:
    binary = shutil.which("nginx") or "nginx"
    return Written(
        argv=[binary, "-p", str(folder), "-e", f"{folder}/{name}.err", "-c", f"{folder}/{name}"],
        files={name: conf},
    )
