"""What the compiler found is on the page and in the API, and Redis away is said."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import redis as driver
from django.test import Client
from rest_framework.test import APIClient

from meshconsole.discovery import keys, selectors
from meshconsole.discovery.heads import Head, head_write
from meshconsole.discovery.lint import Finding
from tests.factories import an_instance

pytestmark = pytest.mark.django_db
FAULT = Finding(
    code="MC0103",
    level="block",
    path="/route/order/rules/0/split/0",
    msg="Rule 'default' names group 'Group_9', which 'order' does not have.",
)


@pytest.fixture
def blocked(mesh_redis: str) -> None:
    head = Head(
        v=7,
        fence=1,
        variants={"order/unit1/stable": "d" * 64},
        findings=(FAULT,),
        blocked=("order/unit1/stable",),
    )
    with driver.Redis.from_url(mesh_redis) as client:
        client.hset(keys.HEAD, mapping=head_write(head))


@pytest.mark.usefixtures("blocked")
def test_a_blocked_variant_is_shown_with_code_path_and_sentence(
    browser_of: Callable[[str], Client], api_of: Callable[[str], APIClient]
) -> None:
    an_instance()
    page = browser_of("viewer").get("/sidecars/").content.decode()
    assert FAULT.code in page
    assert FAULT.path in page
    told = api_of("viewer").get("/api/v1/compilation").json()
    assert (told["v"], told["blocked"]) == (7, ["order/unit1/stable"])
    assert [one["code"] for one in told["findings"]] == ["MC0103"]


def test_without_redis_the_api_says_degraded(api_of: Callable[[str], APIClient]) -> None:
    assert api_of("viewer").get("/api/v1/compilation").status_code == 503


def test_a_shard_that_fell_silent_is_not_listed(mesh_redis: str) -> None:
    import time

    with driver.Redis.from_url(mesh_redis) as client:
        now = time.time()
        rows = {
            "s1": json.dumps({"at": now, "streams": 3, "pushes": 9}),
            "s2": json.dumps({"at": now - 60, "streams": 3}),
            "s3": "nonsense",
        }
        client.hset(keys.SHARDS, mapping=rows)
    (shard,) = selectors.shards()
    assert (shard.id, shard.streams, shard.counts["pushes"]) == ("s1", 3, 9)
