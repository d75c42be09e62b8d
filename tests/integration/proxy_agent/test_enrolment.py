"""From a token to a certificate, and everybody who must not see the token."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from proxy.contract.session import Ack, Bye, Cert, Csr, Hello, Refused
from proxy.enrolment import EnrolmentFailed, enrol, token_of
from tests.harness.authority import DISCOVERY, TRUST_DOMAIN, MeshRoot
from tests.harness.console import ScriptedConsole, console as scripted, stock, whole_push
from tests.harness.wait import eventually_async
from tests.integration.proxy_agent.conftest import Member


async def test_a_token_becomes_an_identity(member: Member, console: ScriptedConsole) -> None:
    identity = await enrol(console.door, token_of(member.token_file), member.agent.node)
    assert identity.who.uri == f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-1"
    assert identity.discovery_uri == DISCOVERY


async def test_a_door_with_another_root_never_hears_the_token(
    member: Member, console: ScriptedConsole
) -> None:
    member.token_file.write_text(MeshRoot(2).token())
    with pytest.raises(EnrolmentFailed, match="not the one that the join token names"):
        await enrol(console.door, token_of(member.token_file), member.agent.node)
    assert console.joins == []


async def test_a_door_that_shows_a_root_it_was_not_signed_by_never_hears_the_token(
    member: Member, root: MeshRoot, tmp_path: Path
) -> None:
    async with scripted(MeshRoot(3), tmp_path) as impostor:
        impostor.header = root.header
        with pytest.raises(EnrolmentFailed, match="not signed by the root"):
            await enrol(impostor.door, token_of(member.token_file), member.agent.node)
        assert impostor.joins == []


async def test_a_door_without_roots_never_hears_the_token(
    member: Member, console: ScriptedConsole
) -> None:
    console.header = ""
    with pytest.raises(EnrolmentFailed, match="did not show its roots"):
        await enrol(console.door, token_of(member.token_file), member.agent.node)
    assert console.joins == []


async def test_an_instance_of_the_mesh_is_not_the_console(
    member: Member, root: MeshRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = root.server_context
    other = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-2"
    monkeypatch.setattr(
        root, "server_context", lambda folder, mutual: context(folder, uri=other, mutual=mutual)
    )
    async with scripted(root, tmp_path) as impostor:
        with pytest.raises(EnrolmentFailed, match="not the console"):
            await enrol(impostor.door, token_of(member.token_file), member.agent.node)
        assert impostor.joins == []


async def test_a_channel_that_is_not_the_consoles_never_hears_hello(
    member: Member, root: MeshRoot, console: ScriptedConsole, tmp_path: Path
) -> None:
    await console.stop()
    other = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-2"
    context = root.server_context
    root_there = MeshRoot.__new__(MeshRoot)
    root_there.root = root.root
    console.root = root_there

    def as_other(folder: Path, *, mutual: bool) -> object:
        return context(folder, uri=other, mutual=True) if mutual else context(folder, mutual=False)

    root_there.server_context = as_other  # type: ignore[assignment]
    await console.start()
    member.start()

    async def said() -> bool:
        return "not the console" in str(member.agent.status()["error"])

    await eventually_async(said)
    while not console.streams.empty():
        assert console.streams.get_nowait().heard.empty()


async def test_a_burnt_token_is_not_offered_again_but_a_new_one_is(
    member: Member, console: ScriptedConsole, root: MeshRoot
) -> None:
    console.refuse_joins = Refused(code="token_used", msg="This join token was used already.")
    member.start()

    async def given_up() -> bool:
        return "put a new one there" in str(member.agent.status()["error"])

    await eventually_async(given_up)
    assert len(console.joins) == 1

    console.refuse_joins = None
    member.token_file.write_text(root.token("another-secret-of-the-tests"))
    stream, _ = await console.stream()
    await stream.send(whole_push(stock(), 1))
    await stream.expect(Ack)
    assert len(console.joins) == 2


async def test_an_identity_that_the_console_refuses_is_replaced_once_a_new_token_is_there(
    member: Member, console: ScriptedConsole, root: MeshRoot
) -> None:
    member.start()
    stream, _ = await console.stream()
    await stream.send(Refused(code="identity", msg="Enrol this one."))
    await stream.socket.close()
    stream, _ = await console.stream()
    assert len(console.joins) == 1, "the same token is not tried twice"
    member.token_file.write_text(root.token("another-secret-of-the-tests"))
    await stream.send(Refused(code="identity", msg="Enrol this one."))
    await stream.socket.close()
    await console.stream()
    assert len(console.joins) == 2


async def test_a_door_that_asks_for_time_is_given_it_and_the_same_token_again(
    member: Member, console: ScriptedConsole
) -> None:
    console.refuse_joins = Bye(retry_after_ms=2500, reason="Many join just now.")
    member.start()

    async def waited() -> bool:
        return sum(member.pauses) >= 2.5

    await eventually_async(waited)
    console.refuse_joins = None
    await console.stream()
    assert len({join.token for join in console.joins}) == 1


async def test_a_token_that_comes_late_is_found(
    member: Member, console: ScriptedConsole, root: MeshRoot
) -> None:
    member.token_file.unlink()
    member.start()

    async def waiting() -> bool:
        return "cannot be read" in str(member.agent.status()["error"])

    await eventually_async(waiting)
    member.token_file.write_text(root.token())
    await console.stream()


@pytest.mark.parametrize("text", ["", "mcj_", "hello", "mcj_" + "a" * 43 + ".zz", "\xff" * 50])
def test_a_file_that_holds_no_token_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(EnrolmentFailed, match="does not hold a join token"):
        token_of(file)


async def test_a_certificate_is_renewed_on_the_channel_and_used_at_once(
    member: Member, console: ScriptedConsole, root: MeshRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.encryption.identity.RENEW_AT", -1.0)
    member.start()
    stream, hello = await console.stream()
    monkeypatch.setattr("proxy.encryption.identity.RENEW_AT", 0.5)
    before = member.agent.status()["certificate_not_after"]
    request = await stream.expect(Csr)
    uri = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/{hello.node.id}"
    cert = root.cert(request.pem, uri, id=request.id)
    await stream.send(Cert(id="other", chain=cert.chain, roots=cert.roots, not_after=0.0))
    await stream.send(cert)

    _, again = await console.stream()
    assert isinstance(again, Hello)
    assert before is not None
    assert member.agent.status()["certificate_not_after"] == cert.not_after
    assert len(console.joins) == 1


async def test_a_certificate_for_somebody_else_is_not_used(
    member: Member, console: ScriptedConsole, root: MeshRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.encryption.identity.RENEW_AT", -1.0)
    member.start()
    stream, _ = await console.stream()
    request = await stream.expect(Csr)
    other = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-2"
    await stream.send(root.cert(request.pem, other, id=request.id))

    async def said() -> bool:
        return "is not used" in str(member.agent.status()["error"])

    await eventually_async(said)
    assert "order-1" in str(member.agent.status()["identity"])


async def test_no_log_line_holds_the_token_or_a_key(
    member: Member,
    console: ScriptedConsole,
    root: MeshRoot,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="proxy")
    member.start()
    stream, _ = await console.stream()
    await stream.send(whole_push(stock(), 1))
    await stream.expect(Ack)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("proxy")]
    assert ours
    assert not any("mcj_" in line or "PRIVATE" in line or "BEGIN" in line for line in ours)
    assert "a-secret" not in repr(token_of(member.token_file))


async def test_another_certificate_is_asked_for_when_somebody_says_so(
    member: Member, console: ScriptedConsole, root: MeshRoot
) -> None:
    assert not member.agent.renew()  # nobody is connected who could sign it
    member.start()
    stream, hello = await console.stream()
    before = member.agent.status()["certificate_not_after"]

    async def told() -> bool:
        return member.agent.renew()

    await eventually_async(told)
    request = await stream.expect(Csr)
    uri = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/{hello.node.id}"
    cert = root.cert(request.pem, uri, id=request.id)
    await stream.send(cert)
    await console.stream()
    assert before is not None
    assert member.agent.status()["certificate_not_after"] == cert.not_after
