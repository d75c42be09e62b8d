"""The rules as text: the sidecar is exempt, installing again replaces, removing forgets nothing."""

from __future__ import annotations

import pytest

from proxy.interception.__main__ import main
from proxy.interception.rules import Wanted, install, of_ours, remove, rules

WANTED = Wanted(
    outbound_port=15001,
    inbound_port=15006,
    uid=1337,
    gid=1338,
    mark=0x539,
    exclude_ports=(9,),
    exclude_cidrs=("10.0.0.0/8", "fd00::/8"),
    exclude_inbound_ports=(15000,),
)
EMPTY = "*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"


def saved(restored: str) -> str:
    """What `iptables-save` would print after restoring this into an empty table."""
    return "\n".join(line for line in restored.splitlines() if line[:2] not in ("-F", "-D", "-X"))


def test_whoever_must_not_come_back_is_let_go_before_anybody_is_led() -> None:
    out = [rule for rule in rules(WANTED, 4) if rule.startswith("MESH_OUT ")]
    assert out == [
        "MESH_OUT -m owner --uid-owner 1337 -j RETURN",
        "MESH_OUT -m owner --gid-owner 1338 -j RETURN",
        "MESH_OUT -m mark --mark 0x539 -j RETURN",
        "MESH_OUT -o lo -j RETURN",
        "MESH_OUT -d 127.0.0.0/8 -j RETURN",
        "MESH_OUT -d 10.0.0.0/8 -j RETURN",
        "MESH_OUT -p tcp -m tcp --dport 9 -j RETURN",
        "MESH_OUT -p tcp -j REDIRECT --to-ports 15001",
    ]


def test_each_family_has_its_own_networks() -> None:
    six = "\n".join(rules(WANTED, 6))
    assert "fd00::/8" in six
    assert "::1/128" in six
    assert "10.0.0.0/8" not in six


def test_calls_to_the_application_are_led_from_all_its_ports_or_from_some() -> None:
    every = [rule for rule in rules(WANTED, 4) if rule.startswith("MESH_IN ")]
    assert every[-1] == "MESH_IN -p tcp -j REDIRECT --to-ports 15006"
    assert "MESH_IN -p tcp -m tcp --dport 15000 -j RETURN" in every
    some = Wanted(outbound_port=1, inbound_port=2, uid=3, inbound_ports=(80, 443))
    led = [rule for rule in rules(some, 4) if "REDIRECT --to-ports 2" in rule]
    assert [rule.split("--dport ")[1].split()[0] for rule in led] == ["80", "443"]


def test_a_jump_is_made_once() -> None:
    first = install(WANTED, 4, EMPTY)
    assert first.count("-j MESH_OUT") == first.count("-j MESH_IN") == 1
    again = install(WANTED, 4, saved(first))
    assert "-j MESH_OUT" not in again
    assert "-F MESH_OUT" in again


def test_what_is_no_longer_wanted_goes() -> None:
    only_out = Wanted(outbound_port=15001, uid=1337)
    again = install(only_out, 4, saved(install(WANTED, 4, EMPTY)))
    assert "-D PREROUTING -p tcp -j MESH_IN\n-F MESH_IN\n-X MESH_IN\n" in again


def test_removing_takes_every_jump_and_both_chains() -> None:
    twice = saved(install(WANTED, 4, EMPTY)) + "\n-A OUTPUT -p tcp -j MESH_OUT"
    gone = remove(twice).splitlines()
    assert gone.count("-D OUTPUT -p tcp -j MESH_OUT") == 2
    assert gone[-1] == "COMMIT"
    assert {"-X MESH_OUT", "-X MESH_IN"} <= set(gone)
    assert remove(EMPTY) == ""


def test_only_ours_are_shown() -> None:
    assert of_ours(EMPTY) == []
    assert ":MESH_OUT - [0:0]" in of_ours(saved(install(WANTED, 4, EMPTY)))


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["install"], "Give --outbound-port"),
        (["install", "--outbound-port", "1"], "Give --uid, --gid or --mark"),
        (["install", "--outbound-port", "1,2", "--uid", "1"], "is not one port"),
        (
            ["install", "--outbound-port", "1", "--uid", "1", "--exclude-cidrs", "ten"],
            "'ten' is not a network",
        ),
    ],
)
def test_what_cannot_be_followed_is_answered_with_what_to_do(
    argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
