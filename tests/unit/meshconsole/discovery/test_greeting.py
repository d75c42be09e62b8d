"""The certificate decides who says hello."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshconsole.discovery.greeting import INTERFACES_LIMIT, Refusal, greet
from proxy.contract.codec import encode
from proxy.contract.identity import Node
from proxy.contract.session import Bye, Hello

URI = "spiffe://mesh.local/unit/unit1/app/order/instance/order-1"
NODE = Node(
    id="order-1", app="order", unit="unit1", group="Group_1", addr="127.0.0.1:80", boot_id="b1"
)


def code_of(message: msgspec.Struct, uri: str = URI) -> str:
    with pytest.raises(Refusal) as refusal:
        greet(encode(message), uri, "mesh.local")
    assert refusal.value.msg.endswith(".")
    return refusal.value.code


def a_hello(proto: int = 1, **fields: Any) -> Hello:
    return Hello(proto=proto, node=msgspec.structs.replace(NODE, **fields))


def test_a_hello_that_agrees_with_its_certificate_is_taken() -> None:
    hello, identity = greet(encode(a_hello()), URI, "mesh.local")
    assert hello.node == NODE
    assert identity.uri == URI


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "spiffe://mesh.local/discovery",
        "spiffe://evil.local/unit/unit1/app/order/instance/order-1",
        "spiffe://mesh.local/unit/unit1/app/order/instance/order-2",
        "spiffe://mesh.local/unit/unit1/app/order/instance/order-1/x",
        URI + "\n",
    ],
)
def test_another_certificate_is_refused(uri: str) -> None:
    assert code_of(a_hello(), uri) == "identity"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"group": "a b"}, "name"),
        ({"addr": "nowhere"}, "address"),
        ({"addr": "h:0"}, "address"),
        ({"addr": "h:99999"}, "address"),
        ({"addr": ":80"}, "address"),
        ({"addr": "h\n:80"}, "address"),
        ({"addr": "x" * 300 + ":80"}, "address"),
        ({"boot_id": ""}, "node"),
        ({"boot_id": "b" * 65}, "node"),
        ({"boot_id": "b\0"}, "node"),
        ({"version": "v" * 65}, "node"),
        ({"interfaces": ("GET /x",) * (INTERFACES_LIMIT + 1)}, "node"),
        ({"interfaces": ("x" * 201,)}, "node"),
        ({"interfaces": ("GET /\0",)}, "node"),
        ({"caps": ("c" * 65,)}, "node"),
    ],
)
def test_words_of_another_form_or_size_are_refused(fields: dict[str, Any], code: str) -> None:
    assert code_of(a_hello(**fields)) in {code, "frame"}


def test_another_version_and_another_message_are_refused() -> None:
    assert code_of(a_hello(proto=2)) == "proto"
    assert code_of(Bye()) == "order"
