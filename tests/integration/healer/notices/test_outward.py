"""One POST outward, against real servers: judged, bounded, never led elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from healer.notices.outward import Undelivered, post
from meshconsole.core.addresses import networks_of
from tests.harness.receivers import a_certificate, dripping, free_port, receiving, silent

LOOPBACK = networks_of(["127.0.0.0/8"])


def refused(url: str, **given: object) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        post(url, b"{}", {}, networks=LOOPBACK, **given)  # type: ignore[arg-type]
    return caught.value


def test_what_is_sent_arrives_whole() -> None:
    with receiving() as server:
        url = f"http://127.0.0.1:{server.port}/in/?a=1"
        post(url, b'{"x": 1}', {"Content-Type": "application/json"}, networks=LOOPBACK)
    (request,) = server.requests
    assert (request.path, request.body) == ("/in/?a=1", b'{"x": 1}')
    assert request.headers["Host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("status", "is_final"), [(400, True), (404, True), (429, False), (500, False), (503, False)]
)
def test_a_refusal_is_told_and_says_whether_to_try_again(status: int, is_final: bool) -> None:
    with receiving() as server:
        server.status = status
        error = refused(f"http://127.0.0.1:{server.port}/")
    assert str(status) in str(error)
    assert error.is_final is is_final


def test_no_redirect_is_followed() -> None:
    with receiving() as elsewhere, receiving() as server:
        server.status = 302
        server.location = f"http://127.0.0.1:{elsewhere.port}/"
        error = refused(f"http://127.0.0.1:{server.port}/")
    assert error.is_final
    assert elsewhere.requests == []


def test_a_name_that_leads_inside_is_not_called() -> None:
    with receiving() as server:
        for inside in ("127.0.0.1", "::ffff:127.0.0.1"):
            with pytest.raises(Undelivered, match="not public") as caught:
                post(
                    f"https://hooks.test:{server.port}/",
                    b"{}",
                    {},
                    resolve=lambda host, port, inside=inside: ["93.184.216.34", inside],  # type: ignore[misc]
                )
            assert caught.value.is_final
    assert server.requests == []


def test_the_judged_address_is_the_one_that_is_called(tmp_path: Path) -> None:
    server_tls, client_tls = a_certificate(tmp_path)
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiving(server_tls) as server:
        url = f"https://hooks.test:{server.port}/in"
        post(url, b"{}", {}, networks=LOOPBACK, resolve=resolve, context=client_tls)
    assert asked == ["hooks.test"]
    assert server.requests[0].headers["Host"] == f"hooks.test:{server.port}"


def test_a_certificate_for_another_name_is_not_believed(tmp_path: Path) -> None:
    server_tls, client_tls = a_certificate(tmp_path, "other.test")
    with receiving(server_tls) as server:
        error = refused(
            f"https://hooks.test:{server.port}/in",
            resolve=lambda host, port: ["127.0.0.1"],
            context=client_tls,
        )
        assert "certificate" in str(error)
    assert server.requests == []


def test_who_answers_slowly_or_not_at_all_is_left_in_time(tmp_path: Path) -> None:
    server_tls, client_tls = a_certificate(tmp_path)
    secure = {"resolve": lambda host, port: ["127.0.0.1"], "context": client_tls}
    with dripping() as plain, dripping(server_tls) as encrypted, silent() as mute:
        for error in (
            refused(f"http://127.0.0.1:{plain}/", seconds=0.3),
            refused(f"https://hooks.test:{encrypted}/", seconds=0.5, **secure),
            refused(f"http://127.0.0.1:{mute}/", seconds=0.3),
            refused(f"https://hooks.test:{mute}/", seconds=0.3, **secure),
            refused(f"http://127.0.0.1:{free_port()}/", seconds=0.5),
        ):
            assert not error.is_final
            assert "did not answer properly" in str(error)


def test_an_answer_is_read_no_further_than_it_may_be() -> None:
    with receiving() as server:
        server.body = b"x" * 1_000_000
        post(f"http://127.0.0.1:{server.port}/", b"{}", {}, networks=LOOPBACK)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://x/", "https://u:p@hooks.test/"])
def test_what_no_channel_may_name_is_refused_here_too(url: str) -> None:
    with pytest.raises(Undelivered) as caught:
        post(url, b"{}", {})
    assert caught.value.is_final
