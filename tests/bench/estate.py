"""Fill a database and Redis with a large estate: `python -m tests.bench.estate 1000 40 pw`."""

from __future__ import annotations

import json
import os
import sys
import time


def fill(instances: int, applications: int, password: str) -> None:
    """Applications, instances in step, and one admin called `bench`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshconsole.settings")
    import django

    django.setup()
    from django.contrib.auth.models import Group as Role, User
    from django.core.management import call_command
    from django.utils import timezone

    from meshconsole.core import redis, revision
    from meshconsole.inventory.services import instances_register
    from meshconsole.steering.services import split_set
    from proxy.contract.identity import Node
    from proxy.contract.snapshot import KINDS

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("bench", password=password)
    user.groups.add(Role.objects.get_or_create(name="admin")[0])
    nodes = [
        Node(
            id=f"app-{number % applications + 1}-{number // applications + 1}",
            app=f"app-{number % applications + 1}",
            unit=f"unit{number % 2 + 1}",
            group=f"Group_{number // applications % 2 + 1}",
            addr=f"10.0.{number // 250}.{number % 250 + 1}:9001",
            boot_id="bench",
            version="bench",
            caps=tuple(sorted(KINDS)),
            interfaces=("GET /a", "POST /b/{id}", "GET /c/{id}"),
        )
        for number in range(instances)
    ]
    for begin in range(0, len(nodes), 250):
        instances_register(nodes[begin : begin + 250], timezone.now())
    for number in range(applications):
        split_set(
            application=f"app-{number + 1}",
            split={"Group_1": 50, "Group_2": 50},
            expected_version=0,
            actor="bench",
        )
    now, head = time.time(), revision.current()
    variants = {f"{node.app}/{node.unit}/stable": "0" * 64 for node in nodes}
    client = redis.client()
    client.hset("mesh:head", mapping={"v": head, "fence": 1, "variants": json.dumps(variants)})
    client.zadd("mesh:leases", {node.id: now + 3600 for node in nodes})
    word = {"v": head, "digest": "0" * 64, "state": "active", "nack": None, "at": now}
    client.hset(
        "mesh:sync",
        mapping={
            node.id: json.dumps(
                {**word, "variant": f"{node.app}/{node.unit}/stable", "shard": "s", "addr": ""}
            )
            for node in nodes
        },
    )


if __name__ == "__main__":
    fill(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
