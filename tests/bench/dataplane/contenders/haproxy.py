"""HAProxy with one thread, nothing logged."""

from __future__ import annotations

from tests.bench.dataplane.contenders.roles import Place, Role, Written


def haproxy(role: Role, place: Place) -> Written:
    """Keep-alive to the origin, every idle connection shared."""
    tls = place.certificates
    verified = f"ssl crt {tls.bundle} ca-file {tls.ca} verify required ssl-min-ver TLSv1.3"
    bind = {
        "inbound": f"{verified} no-tls-tickets alpn http/1.1",
        "http2": "proto h2",
    }.get(role, "")
    server = {
        "outbound": f"{verified} sni str(localhost)",
        "http2": "proto h2",
    }.get(role, "")
    mode = "tcp" if role == "tcp" else "http"
    kept = "" if mode == "tcp" else "pool-max-conn 512"
    conf = f"""
global
  nbthread 1
  maxconn 8192
  tune.h2.max-concurrent-streams 1024
  {"tune.ssl.cachesize 0" if role == "inbound" else ""}
defaults
  mode {mode}
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
listen l
  bind 127.0.0.1:{place.port} backlog 4096 {bind}
  {"http-reuse always" if mode == "http" else ""}
  server s 127.0.0.1:{place.to} maxconn 4096 {kept} {server}
"""
    return Written(
        argv=["haproxy", "-db", "-f", f"{place.folder}/{place.name}"], files={place.name: conf}
    )
