"""One example of every message, with every field set: what the golden files hold."""

from __future__ import annotations

import msgspec

from proxy.contract.digest import canonical, digest_of
from proxy.contract.identity import Node
from proxy.contract.reports import (
    LATENCY_BUCKETS,
    AnomalyReport,
    AnomalySample,
    EdgeWindow,
    Ejection,
    LinkCounts,
    LinkState,
    Peers,
    Subject,
)
from proxy.contract.session import (
    Ack,
    Bye,
    Cert,
    Csr,
    Gauges,
    Have,
    Hello,
    Join,
    Links,
    Nack,
    Push,
    Receipt,
    Refused,
    Report,
)
from proxy.contract.snapshot import (
    Caller,
    Endpoint,
    HealingTerms,
    Inbound,
    Route,
    Rule,
    Service,
    Share,
    Snapshot,
    Trust,
)

NODE = Node(
    id="order-1",
    app="order",
    unit="unit1",
    group="Group_1",
    addr="10.0.0.1:8080",
    boot_id="0123456789abcdef",
    version="0.1.0",
    interfaces=("GET /orders/{id}", "POST /transfers"),
    caps=("route", "service"),
)
SNAPSHOT = Snapshot(
    service={
        "stock": Service(
            name="stock",
            endpoints=(
                Endpoint(id="stock-1", addr="10.0.0.2:80", group="Group_1", unit="unit1"),
                Endpoint(id="stock-2", addr="[::1]:81", group="Group_2", unit="unit2", weight=50),
            ),
            groups=("Group_1", "Group_2"),
            interfaces=("GET /stock/{sku}",),
            balancer="least_request",
            connect_timeout_seconds=0.5,
            request_timeout_seconds=7.5,
            idle_timeout_seconds=30.0,
        ),
        "cash": Service(name="cash"),
    },
    route={
        "stock": Route(
            name="stock",
            version=3,
            rules=(
                Rule(
                    id="split",
                    split=(
                        Share(group="Group_1", percent=66.67),
                        Share(group="Group_2", percent=33.33),
                    ),
                    on_empty="origin",
                ),
            ),
        )
    },
)
UPSTREAM_SNAPSHOT = Snapshot(
    service={
        "cash": Service(
            name="cash",
            endpoints=(Endpoint(id="cash-1", addr="10.0.0.9:80", group="Group_1", unit="unit1"),),
            groups=("Group_1",),
            balancer="maglev",
            protocol="http2",
            try_timeout_seconds=2.5,
            retries=1,
            retry_on=(502, 503),
            hash_on="header:x-account",
            locality="prefer",
            slow_start_seconds=30.0,
        ),
        "stock": Service(name="stock", balancer="ring_hash", protocol="bolt", hash_on="path"),
    }
)
"""How a caller's sidecar treats an application's endpoints, with every field set."""
LINKS_SNAPSHOT = Snapshot(
    service={
        "cash": Service(
            name="cash",
            endpoints=(
                Endpoint(
                    id="cash-1", addr="10.0.0.9:80", group="Group_1", unit="unit1", tls="required"
                ),
                Endpoint(
                    id="cash-2", addr="10.0.0.8:80", group="Group_1", unit="unit1", tls="offered"
                ),
            ),
            groups=("Group_1",),
        )
    },
    inbound={
        "cash": Inbound(
            name="cash",
            mode="permissive",
            instances={"cash-1": "strict", "cash-2": "preferred"},
            callers=(Caller(app="order", unit="unit1"), Caller(app="gateway")),
            callers_mode="observe",
        )
    },
    trust={
        "mesh": Trust(
            name="mesh",
            domain="mesh.example",
            roots=("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
            issuer="0a0b",
        )
    },
)
"""How links are encrypted, with every field set."""
HEALING_SNAPSHOT = Snapshot(
    service={"cash": Service(name="cash")},
    healing={
        "cash": HealingTerms(
            name="cash",
            mode="eject",
            min_requests=30,
            error_floor=0.2,
            peer_lead=0.15,
            peer_ratio=4.0,
            consecutive=7,
            statuses=(500, 503),
            max_out_share=0.25,
            min_left_share=0.6,
            base_seconds=10.0,
            max_seconds=120.0,
            probes=3,
            slow_start_seconds=15.0,
            weight_factor=0.1,
            latency_ratio=2.5,
            latency_floor_seconds=0.1,
        )
    },
)
"""When endpoints are taken for broken, with every field set."""
SNAPSHOTS = {
    "snapshot": SNAPSHOT,
    "snapshot-upstream": UPSTREAM_SNAPSHOT,
    "snapshot-links": LINKS_SNAPSHOT,
    "snapshot-healing": HEALING_SNAPSHOT,
}
DIGEST = digest_of(SNAPSHOT)
REPORT = Report(
    seq=7,
    window_start=1700000000.0,
    window_end=1700000001.0,
    up=[
        EdgeWindow(
            side="out",
            app="stock",
            unit="unit1",
            group="Group_1",
            interface="GET /stock/{sku}",
            encrypted=True,
            requests=3,
            errors={"connect": 1, "5xx": 1},
            status={"2xx": 1, "5xx": 1},
            latency=[0, 2] + [0] * (LATENCY_BUCKETS - 2),
            latency_sum_seconds=0.004,
            bytes_in=10,
            bytes_out=20,
        )
    ],
    events=[
        AnomalyReport(
            id="5f0c",
            subject=Subject(
                instance="stock-1",
                address="10.0.0.2:80",
                app="stock",
                unit="unit1",
                group="Group_1",
            ),
            phase="failing",
            rule="connect",
            window_start=1700000000.0,
            window_end=1700000001.0,
            n=3,
            errors={"connect": 1},
            interfaces=("GET /stock/{sku}",),
            samples=(
                AnomalySample(
                    error="connect", detail="refused", elapsed_seconds=0.001, trace_id="ab"
                ),
            ),
            digest=DIGEST,
        )
    ],
)
EJECTION = Ejection(
    id="e7",
    service="stock",
    instance="stock-1",
    address="10.0.0.2:80",
    unit="unit1",
    group="Group_1",
    rule="error_rate",
    times=2,
    since=1700000001.0,
    until=1700000061.5,
    mode="weight",
    state="probing",
)
EJECTIONS = Report(
    seq=8,
    window_start=1700000000.0,
    window_end=1700000001.0,
    events=[
        AnomalyReport(
            id="5f0d",
            subject=Subject(instance="stock-1", address="10.0.0.2:80", app="stock", unit="unit1"),
            phase="failing",
            rule="error_rate",
            scope="service",
            window_start=1699999996.0,
            window_end=1700000001.0,
            n=40,
            errors={"5xx": 20},
            rate=0.5,
            lcb=0.31,
            peers=Peers(count=3, median=0.01, pooled=0.02),
            ejection=EJECTION,
        )
    ],
    ejections=(EJECTION,),
)
"""What a sidecar says that ejects."""
FROM_SIDECAR: dict[str, msgspec.Struct] = {
    "hello": Hello(proto=1, node=NODE, have=Have(v=41, digest=DIGEST)),
    "ack": Ack(
        nonce="n1",
        v=42,
        digest=DIGEST,
        state="active",
        gauges=Gauges(plain_conns=3, tls_conns=4),
    ),
    "nack": Nack(
        nonce="n1",
        v_kept=41,
        path="/route/stock/rules/0/split/1",
        code="inconsistent",
        msg="Rule 'split' names group 'Group_9', which 'stock' does not have.",
    ),
    "report": REPORT,
    "report-ejections": EJECTIONS,
    "links": Links(
        at=1700000001.0,
        state=LinkState(
            mode="permissive",
            ready=True,
            reason="said",
            serial="0c",
            issuer="0a0b",
            not_after=1700086400.0,
            trusts=("0a0b", "0c0d"),
            plain_connections=1,
            tls_connections=2,
            plain_requests=3,
            plain_sources=("10.0.0.7",),
            denied=4,
            fallen_back=5,
            plain_refused=6,
        ),
        edges=(
            LinkCounts(
                side="out",
                app="cash",
                unit="unit1",
                instance="cash-1",
                protocol="http1",
                generation="9f3c",
                encrypted=True,
                opened=6,
                handshakes_failed=1,
                started=100,
                completed=90,
                failed=4,
                cancelled=3,
                cut=1,
                in_flight=2,
                closed_clean=2,
                closed_by_peer=1,
                closed_hard=1,
            ),
        ),
        forgotten=LinkCounts(side="in", app="", protocol="tcp", started=1, completed=1),
    ),
    "csr": Csr(id="1", pem="-----BEGIN CERTIFICATE REQUEST-----"),
    "bye": Bye(reason="The sidecar was told to stop."),
    "join": Join(proto=1, token="mcj_example.00", node=NODE, pem="-----BEGIN"),
}
FROM_CONSOLE: dict[str, msgspec.Struct] = {
    "push": Push(
        nonce="n1",
        v=42,
        digest=DIGEST,
        base="00" * 32,
        set={
            "service": {
                name: msgspec.Raw(canonical(one)) for name, one in SNAPSHOT.service.items()
            },
            "route": {name: msgspec.Raw(canonical(one)) for name, one in SNAPSHOT.route.items()},
        },
        rm=(("service", "gone"),),
    ),
    "receipt": Receipt(seq=7),
    "cert": Cert(id="1", chain="-----BEGIN", roots="-----BEGIN", not_after=1700086400.0),
    "bye": Bye(retry_after_ms=1500, reason="The console restarts."),
    "refused": Refused(code="token_used", msg="This join token was used already."),
}
