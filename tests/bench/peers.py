"""Command lines and configuration of the proxies that ours is measured beside, HTTP/1.1 only."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

Written = tuple[list[str], dict[str, str]]
"""The command line, and the files it needs in the work folder."""


def upstream(folder: Path, port: int) -> Written:
    """The origin behind every proxy: nginx with one small answer."""
    conf = f"""
daemon off; master_process off; worker_processes 1; pid {folder}/up.pid;
error_log {folder}/up.err crit;
events {{ worker_connections 4096; }}
http {{
 access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on;
 client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
 uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
 server {{
  listen 127.0.0.1:{port} backlog=4096; default_type application/json;
  location / {{ add_header cache-control no-store;
   return 200 '{{"ok":true,"item":"0123456789abcdef0123456789abcdef","n":42}}'; }}
 }}
}}
"""
    return ["nginx", "-p", str(folder), "-c", f"{folder}/up.conf"], {"up.conf": conf}


def ours(folder: Path, port: int, origin: int) -> Written:
    """The stand-alone proxy."""
    listen, up = f"127.0.0.1:{port}", f"127.0.0.1:{origin}"
    return [sys.executable, "-m", "proxy", "--listen", listen, "--upstream", up], {}


def nginx(folder: Path, port: int, origin: int) -> Written:
    """nginx, one worker, keep-alive to the origin."""
    conf = f"""
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/nginx.err crit;
events {{ worker_connections 8192; }}
http {{
 access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on;
 client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
 uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
 upstream up {{ server 127.0.0.1:{origin}; keepalive 512; keepalive_requests 1000000000;
  keepalive_timeout 600s; }}
 server {{ listen 127.0.0.1:{port} backlog=4096;
  location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""
    return ["nginx", "-p", str(folder), "-c", f"{folder}/nginx.conf"], {"nginx.conf": conf}


def haproxy(folder: Path, port: int, origin: int) -> Written:
    """HAProxy, one thread."""
    conf = f"""
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
listen l
  bind 127.0.0.1:{port} backlog 4096
  http-reuse always
  server s 127.0.0.1:{origin} maxconn 4096 pool-max-conn 512
"""
    return ["haproxy", "-db", "-f", f"{folder}/haproxy.cfg"], {"haproxy.cfg": conf}


def envoy(folder: Path, port: int, origin: int) -> Written:
    """Envoy, one worker thread."""
    kind = "type.googleapis.com/envoy.extensions.filters"

    def address(number: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "h",
        "codec_type": "HTTP1",
        "generate_request_id": False,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "v",
                    "domains": ["*"],
                    "routes": [
                        {"match": {"prefix": "/"}, "route": {"cluster": "up", "timeout": "0s"}}
                    ],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{kind}.http.router.v3.Router"},
            }
        ],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    cluster = {
        "name": "up",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "up",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(origin)}}]}],
        },
    }
    listener = {"name": "l", "address": address(port), "filter_chains": [chain]}
    conf = {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
    argv = ["envoy", "-c", f"{folder}/envoy.json", "--concurrency", "1"]
    return [*argv, "--disable-hot-restart", "-l", "error"], {"envoy.json": json.dumps(conf)}


Peer = Callable[[Path, int, int], Written]


def contenders() -> dict[str, Peer]:
    """Ours, and every peer that is installed here."""
    peers: dict[str, Peer] = {"nginx": nginx, "haproxy": haproxy, "envoy": envoy}
    return {"ours": ours} | {name: peer for name, peer in peers.items() if shutil.which(name)}
