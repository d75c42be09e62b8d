"""Sidecars say who they are; only what is new is written."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from meshconsole.audit.models import AuditEntry
from meshconsole.core import revision
from meshconsole.inventory.models import Application, Group, Instance, Interface, Unit
from meshconsole.inventory.services import instances_gone, instances_register
from meshconsole.live.models import LiveEvent
from tests.factories import a_node, an_instance

pytestmark = pytest.mark.django_db


def test_a_first_hello_makes_everything_it_names() -> None:
    node = a_node(interfaces=("GET /orders/{id}", "POST /orders"), version="1.0")
    assert instances_register([node], timezone.now()) == ["order-1"]
    row = Instance.objects.named_parts().get()
    assert (row.application.name, row.unit.name, row.group.name) == ("order", "unit1", "Group_1")
    assert (row.state, row.source, row.boot_id) == ("serving", "sidecar", "boot-1")
    assert Interface.objects.count() == 2
    assert revision.current() == 1
    assert AuditEntry.objects.get().object == "instance:order-1"
    assert LiveEvent.objects.get().topic == "instances"


def test_the_same_hello_again_writes_nothing() -> None:
    now = timezone.now()
    instances_register([a_node()], now)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert instances_register([a_node()], now) == []
    assert not [q for q in queries if q["sql"].startswith(("INSERT", "UPDATE"))]
    assert revision.current() == 1


def test_a_new_boot_is_written_but_changes_no_snapshot() -> None:
    now = timezone.now()
    instances_register([a_node()], now)
    assert instances_register([a_node(boot_id="boot-2")], now) == ["order-1"]
    assert Instance.objects.get().boot_id == "boot-2"
    assert revision.current() == 1


def test_a_new_address_changes_snapshots() -> None:
    now = timezone.now()
    instances_register([a_node()], now)
    assert instances_register([a_node(addr="127.0.0.1:9999")], now) == ["order-1"]
    assert Instance.objects.get().address == "127.0.0.1:9999"
    assert revision.current() == 2


def test_one_that_was_gone_serves_again_and_a_draining_one_drains_on() -> None:
    now = timezone.now()
    instances_register([a_node()], now)
    assert instances_gone(["order-1", "nobody"], "lease ended") == ["order-1"]
    assert Instance.objects.get().gone_at is not None
    instances_register([a_node()], now)
    row = Instance.objects.get()
    assert (row.state, row.gone_at) == ("serving", None)
    Instance.objects.update(state="draining")
    assert instances_register([a_node()], now) == []
    assert Instance.objects.get().state == "draining"


def test_256_nodes_are_one_transaction_with_few_queries_and_one_audit_row() -> None:
    nodes = [
        a_node(f"app{n % 8}-{n}", app=f"app{n % 8}", unit=f"unit{n % 2}", group=f"Group_{n % 3}")
        for n in range(256)
    ]
    with CaptureQueriesContext(connection) as queries:
        assert len(instances_register(nodes, timezone.now())) == 256
    assert len(queries) < 45
    assert (Application.objects.count(), Unit.objects.count()) == (8, 2)
    assert Group.objects.count() == 24
    assert AuditEntry.objects.count() == 1
    assert revision.current() == 1


def test_more_than_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="At most 256"):
        instances_register([a_node(f"order-{n}") for n in range(257)], timezone.now())


def test_the_last_word_of_one_instance_counts() -> None:
    nodes = [a_node(addr="127.0.0.1:1"), a_node(addr="127.0.0.1:2")]
    assert instances_register(nodes, timezone.now()) == ["order-1"]
    assert Instance.objects.get().address == "127.0.0.1:2"


def test_gone_is_written_once() -> None:
    an_instance()
    assert instances_gone(["order-1"], "lease ended") == ["order-1"]
    assert instances_gone(["order-1"], "lease ended") == []
    assert AuditEntry.objects.count() == 1
