"""Who calls in a drill, of which protocol, through which door."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from meshconsole.drill.certificates import issue
from meshconsole.drill.lines import PROTOCOLS, Ports, lines
from meshconsole.drill.management.commands.drill import _protocols

PORTS = Ports(plain=1, tcp=2, tls=3)


def test_every_protocol_has_callers_and_the_encrypted_come_through_the_gate(tmp_path: Path) -> None:
    made = {line.name: line for line in lines(PROTOCOLS, 8, PORTS, issue(tmp_path))}
    assert {name: line.port for name, line in made.items()} == {
        **{"h1": 1, "h2": 1, "bolt": 1, "tcp": 2},
        **{"h1 tls": 3, "h2 tls": 3},
    }
    assert all(line.connections >= 1 for line in made.values())
    assert {name for name, line in made.items() if line.tls} == {"h1 tls", "h2 tls"}


def test_one_protocol_alone_has_every_connection() -> None:
    (only,) = lines(("bolt",), 48, PORTS, None)
    assert (only.name, only.connections, only.tls) == ("bolt", 48, None)


def test_protocols_are_read_from_a_list_and_a_wrong_name_says_which_there_are() -> None:
    assert _protocols("h2, tcp") == ("h2", "tcp")
    for wrong in ("", "h3"):
        with pytest.raises(ArgumentTypeError, match="h1, h2, bolt, tcp"):
            _protocols(wrong)
