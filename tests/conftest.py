"""What every test may ask for: the folder's marker, a real Redis, and the same five people."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.demo import demo, stage

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client
    from pytest_django.fixtures import Settings
    from rest_framework.test import APIClient

__all__ = ["demo", "stage"]

KINDS = ("unit", "property", "contract", "integration", "e2e", "chaos", "architecture")
TESTS = Path(__file__).parent
os.environ.setdefault("MESH_PROXY_ENGINE", "interpreted")  # the source is what is tested
PASSWORD = "correct horse battery staple"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folder is the marker."""
    for item in items:
        try:
            kind = item.path.relative_to(TESTS).parts[0]
        except ValueError:
            continue
        if kind in KINDS:
            item.add_marker(getattr(pytest.mark, kind))


@pytest.fixture(scope="session")
def redis_process() -> Iterator[str]:
    """URL of one real Redis for this worker, on a Unix socket."""
    from meshconsole.core import redis_server

    with tempfile.TemporaryDirectory(prefix="mesh-redis-") as folder:
        process, url = redis_server.start(Path(folder))
        try:
            yield url
        finally:
            if process is not None:
                process.terminate()
                process.wait(timeout=10)


@pytest.fixture
def mesh_redis(redis_process: str, settings: Settings) -> Iterator[str]:
    """The console's Redis is the real one, and empty; without this fixture there is none."""
    import redis as driver

    from meshconsole.core import redis

    settings.MESH_REDIS_URL = redis_process
    redis.forget_failures()
    with driver.Redis.from_url(redis_process) as client:
        client.flushall()
        yield redis_process
    redis.client().close()
    redis.client(text=False).close()


@pytest.fixture
def person(db: None) -> Callable[[str], User]:
    """Make a user by role: viewer, operator, approver, admin; stranger has none."""
    from django.contrib.auth.models import Group, User

    def make(role: str) -> User:
        found = User.objects.filter(username=role).first()
        if found is not None:
            return found
        user = User.objects.create_user(username=role, password=PASSWORD)
        if role != "stranger":
            user.groups.add(Group.objects.get_or_create(name=role)[0])
        return user

    return make


@pytest.fixture
def viewer(person: Callable[[str], User]) -> User:
    """May look."""
    return person("viewer")


@pytest.fixture
def operator(person: Callable[[str], User]) -> User:
    """May change and propose."""
    return person("operator")


@pytest.fixture
def approver(person: Callable[[str], User]) -> User:
    """May decide."""
    return person("approver")


@pytest.fixture
def admin(person: Callable[[str], User]) -> User:
    """May do all of it."""
    return person("admin")


@pytest.fixture
def stranger(person: Callable[[str], User]) -> User:
    """Has an account and no role."""
    return person("stranger")


@pytest.fixture
def browser_of(person: Callable[[str], User]) -> Callable[[str], Client]:
    """A signed-in test client for pages, by role."""
    from django.test import Client

    def make(role: str) -> Client:
        client = Client()
        client.force_login(person(role))
        return client

    return make


@pytest.fixture
def api_of(person: Callable[[str], User]) -> Callable[[str], APIClient]:
    """A signed-in REST client, by role."""
    from rest_framework.test import APIClient

    def make(role: str) -> APIClient:
        client = APIClient()
        client.force_login(person(role))
        return client

    return make
