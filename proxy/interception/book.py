"""Which application lives at an address: a snapshot's endpoints, looked up the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.settings import HostPort, host_port

if TYPE_CHECKING:
    from proxy.current import Current, Table


HOSTS_LIMIT = 4096
"""Hosts remembered that are no application's."""


class AddressBook:
    """Follows the table in force; made anew for each, when it is first asked."""

    __slots__ = ("_current", "_names", "_strange", "_table")

    def __init__(self, current: Current) -> None:
        self._current = current
        self._table: Table | None = None
        self._names: dict[HostPort, str] = {}
        self._strange: set[bytes] = set()

    def application_at(self, place: HostPort) -> str | None:
        """The application with an endpoint there; of several, the first by name."""
        self._follow()
        return self._names.get(place)

    def knows(self, name: str) -> bool:
        """Is there an application of that name?"""
        return name in self._current.table.targets

    def is_strange(self, host: bytes) -> bool:
        """Was this Host found to be no application's?"""
        self._follow()
        return host in self._strange

    def found_strange(self, host: bytes) -> None:
        """Remember it, for as long as the table holds: strangers are called again and again."""
        if len(self._strange) >= HOSTS_LIMIT:
            self._strange.clear()
        self._strange.add(host)

    def _follow(self) -> None:
        table = self._current.table
        if table is not self._table:
            self._names = _names(table)
            self._strange.clear()
            self._table = table


def _names(table: Table) -> dict[HostPort, str]:
    names: dict[HostPort, str] = {}
    for name in sorted(table.targets):
        for endpoint in table.targets[name].service.endpoints:
            names.setdefault(host_port(endpoint.addr), name)
    return names
