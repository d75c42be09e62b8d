"""One stream: hello, push, ack, nack, goodbye, and every way to say it wrongly."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from meshconsole.core import redis
from meshconsole.inventory import sync
from meshconsole.inventory.models import Instance
from proxy.contract.check import check
from proxy.contract.digest import digest_of
from proxy.contract.session import Bye, Cert, Csr, Have, Hello, Push, Refused
from proxy.contract.snapshot import Service, Snapshot
from tests.harness.discovery import Console, active, group, split, told
from tests.harness.sidecar import Stream
from tests.harness.wait import eventually_async


def snapshot_of(push: Push) -> Snapshot:
    assert push.base is None
    return msgspec.json.decode(msgspec.json.encode(push.set), type=Snapshot)


async def endpoints_in_next(stream: Stream) -> list[str]:
    push = await stream.expect(Push)
    await stream.ack(push)
    order = msgspec.json.decode(push.set["service"]["order"], type=Service)
    return [endpoint.id for endpoint in order.endpoints]


async def states() -> dict[str, sync.SyncState]:
    return {one.instance: one for one in await told(sync.sync_states)}


async def test_hello_registers_and_brings_a_consistent_snapshot(console: Console) -> None:
    sidecar = await console.joined(interfaces=("GET /order/{id}",))
    stream, push = await active(sidecar)
    async with stream:
        snapshot = snapshot_of(push)
        assert digest_of(snapshot) == push.digest
        assert check(snapshot) == []
        (endpoint,) = snapshot.service["order"].endpoints
        assert (endpoint.id, endpoint.addr) == ("order-1", sidecar.node.addr)
        assert snapshot.service["order"].interfaces == ("GET /order/{id}",)

        async def in_step() -> bool:
            return (await states())["order-1"].state == "in step"

        await eventually_async(in_step)
        progress = await told(sync.progress)
        assert (progress.expected, progress.acked, progress.percent) == (1, 1, 100.0)


async def test_a_sidecar_that_holds_the_latest_is_told_nothing(console: Console) -> None:
    sidecar = await console.joined()
    stream, push = await active(sidecar)
    await stream.socket.close()
    async with await sidecar.opened(have=Have(push.v, push.digest)) as again:
        assert await again.silent()


async def test_a_change_is_pushed_as_a_difference_to_what_was_acked(console: Console) -> None:
    stream, first = await active(await console.joined())
    async with stream:
        await group("Group_2")
        await split(30)
        push = await stream.expect(Push)
        assert push.base == first.digest
        assert set(push.set) == {"service", "route"}
        assert push.v > first.v
        await stream.ack(push)
        await split(40)
        later = await stream.expect(Push)
        assert later.base == push.digest
        assert set(later.set) == {"route"}


async def test_revisions_coalesce_while_a_push_is_unanswered(console: Console) -> None:
    stream, _ = await active(await console.joined())
    async with stream:
        await group("Group_2")
        await split(10)
        unanswered = await stream.expect(Push)
        for percent in (20, 30, 40):
            await split(percent)
        assert await stream.silent(1.5)
        await stream.ack(unanswered)
        push = await stream.expect(Push)
        (share, _) = msgspec.json.decode(push.set["route"]["order"])["rules"][0]["split"]
        assert share["percent"] == 40
        assert await stream.silent()


async def test_a_difference_that_does_not_fit_is_followed_by_the_whole(console: Console) -> None:
    stream, _ = await active(await console.joined())
    async with stream:
        await group("Group_2")
        await split(10)
        push = await stream.expect(Push)
        assert push.base is not None
        await stream.nack(push, "base")
        whole = await stream.expect(Push)
        assert (whole.base, whole.digest) == (None, push.digest)


async def test_a_refused_snapshot_is_shown_with_its_path_and_not_sent_again(
    console: Console,
) -> None:
    stream, first = await active(await console.joined())
    async with stream:
        await group("Group_2")
        await split(10)
        push = await stream.expect(Push)
        path = "/route/order/rules/0/split/1"
        await stream.nack(push, "inconsistent", path, "Rule 'default' names a missing group.")

        async def shown() -> sync.SyncState | None:
            state = (await states())["order-1"]
            return state if state.state == "nacked" else None

        state = await eventually_async(shown)
        assert state is not None
        assert state.digest == first.digest
        assert state.nack is not None
        assert (state.nack.path, state.nack.code) == (path, "inconsistent")
        assert await stream.silent(2.5)
        await split(20)
        assert (await stream.expect(Push)).digest != push.digest


async def test_a_goodbye_takes_the_instance_out_at_once(console: Console) -> None:
    stays, _ = await active(await console.joined("order-1"))
    leaves, _ = await active(await console.joined("order-2", addr="127.0.0.1:9002"))
    async with stays:
        assert await endpoints_in_next(stays) == ["order-1", "order-2"]
        async with leaves:
            await leaves.say(Bye())
            await leaves.closed()
        assert await endpoints_in_next(stays) == ["order-1"]
    row = await told(lambda: Instance.objects.get(instance_id="order-2"))
    assert row.state == "gone"
    assert await told(lambda: redis.client().hget(sync.SYNC, "order-2")) is None


async def test_the_goodbye_of_an_older_process_does_not_take_out_the_newer(
    console: Console,
) -> None:
    sidecar = await console.joined()
    older, _ = await active(sidecar)
    newer = await sidecar.opened(boot_id="boot-2")
    async with newer:
        bye = await older.expect(Bye)
        assert bye.retry_after_ms == 0
        await newer.ack(await newer.expect(Push))

        async def registered() -> bool:
            return (await told(lambda: Instance.objects.get())).boot_id == "boot-2"

        await eventually_async(registered)
        assert (await told(lambda: Instance.objects.get())).state == "serving"


async def test_an_instance_that_changes_its_process_leaves_nobodys_snapshot(
    console: Console,
) -> None:
    sidecar = await console.joined("order-1")
    stays, _ = await active(await console.joined("order-2", addr="127.0.0.1:9002"))
    older, push = await active(sidecar)
    async with stays:
        assert await endpoints_in_next(stays) == ["order-1", "order-2"]
        newer = await sidecar.opened(boot_id="boot-2", have=Have(push.v, push.digest))
        async with newer:
            await older.expect(Bye)
            await older.socket.close()  # without a word, as after a handover
            ends = await told(lambda: redis.client().zscore(sync.LEASES, "order-1"))
            assert ends is not None
            assert await stays.silent()
            row = await told(lambda: Instance.objects.get(instance_id="order-1"))
            assert (row.state, row.boot_id) == ("serving", "boot-2")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "frame"),
        ("{", "frame"),
        ("[]", "frame"),
        ('{"type":"unknown"}', "frame"),
        ('{"type":"hello"}', "frame"),
        ('{"type":"ack","nonce":"","v":"x","digest":"","state":"active"}', "frame"),
        ("[" * 100_000, "frame"),
        ('{"type":"hello","proto":1,"node":{"id":"\\ud800"}}', "frame"),
        ('{"type":"bye"}', "order"),
    ],
)
async def test_a_malformed_first_frame_is_refused_in_a_sentence(
    console: Console, frame: str, code: str
) -> None:
    async with await (await console.joined()).connected() as stream:
        await stream.say_raw(frame)
        refused = await stream.expect(Refused)
        assert refused.code == code
        assert refused.msg.endswith(".")
        assert await stream.closed() == 1008


async def test_a_malformed_later_frame_ends_only_that_stream(console: Console) -> None:
    other, _ = await active(await console.joined("order-1"))
    stream, _ = await active(await console.joined("order-2", addr="127.0.0.1:9002"))
    async with other:
        async with stream:
            await stream.say_raw("nonsense")
            assert (await stream.expect(Refused)).code == "frame"
        await group("Group_2")
        await split(10)
        assert (await other.expect(Push)).v > 0


async def test_another_major_version_is_refused_with_what_to_do(console: Console) -> None:
    sidecar = await console.joined()
    async with await sidecar.connected() as stream:
        await stream.say(Hello(proto=2, node=sidecar.node))
        refused = await stream.expect(Refused)
        assert refused.code == "proto"
        assert "update" in refused.msg


async def test_a_frame_beyond_the_limit_ends_the_stream(console: Console) -> None:
    async with await (await console.joined()).connected() as stream:
        with suppress(ConnectionClosed):
            await stream.say_raw("x" * (4 * 1024 * 1024 + 1))
        assert await stream.closed() == 1009


@pytest.mark.parametrize(
    "claim", [{"id": "order-9"}, {"app": "stock"}, {"unit": "unit2"}, {"id": "a/b"}]
)
async def test_a_hello_for_another_identity_is_refused(
    console: Console, claim: dict[str, Any]
) -> None:
    sidecar = await console.joined()
    async with await sidecar.opened(**claim) as stream:
        assert (await stream.expect(Refused)).code == "identity"
    assert await told(lambda: Instance.objects.count()) == 0


async def test_an_id_that_another_application_holds_is_refused(console: Console) -> None:
    holder, _ = await active(await console.joined("order-1"))
    async with holder, await (await console.joined("order-1", app="stock")).opened() as stream:
        refused = await stream.expect(Refused)
        assert refused.code == "instance_taken"
    row = await told(lambda: Instance.objects.select_related("application").get())
    assert row.application.name == "order"


async def test_nobody_comes_in_without_a_certificate_of_the_mesh(console: Console) -> None:
    sidecar = await console.joined()
    assert sidecar.cert is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=sidecar.cert.roots)
    assert await asyncio.to_thread(_answer_to, console.port, context) == b""


def _answer_to(port: int, context: ssl.SSLContext) -> bytes:
    """What a client gets; in TLS 1.3 it learns only by reading that it was refused."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        try:
            secure.sendall(b"GET / HTTP/1.1\r\n\r\n")
            return secure.recv(100)
        except OSError:
            return b""


async def test_a_certificate_is_renewed_over_the_stream(console: Console) -> None:
    sidecar = await console.joined()
    stream, _ = await active(sidecar)
    async with stream:
        await stream.say(Csr(id="r1", pem=sidecar.csr()))
        cert = await stream.expect(Cert)
        assert cert.id == "r1"
        assert "BEGIN CERTIFICATE" in cert.chain
        await stream.say(Csr(id="r2", pem="nonsense"))
        assert (await stream.expect(Refused)).code == "csr_malformed"
        sidecar.cert = cert
        async with await sidecar.opened() as again:
            await again.expect(Push)


async def test_what_the_daemon_keeps_of_a_stream_is_what_the_console_reads(
    console: Console,
) -> None:
    stream, push = await active(await console.joined())
    async with stream:

        async def row() -> dict[str, object] | None:
            text = await told(lambda: redis.client().hget(sync.SYNC, "order-1"))
            found: dict[str, object] = json.loads(str(text)) if text else {}
            return found if found.get("state") == "active" else None

        found = await eventually_async(row)
        assert found is not None
        assert found["digest"] == push.digest
        assert found["variant"] == "order/unit1/stable"
        assert found["nack"] is None
