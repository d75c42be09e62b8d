"""The tests' settings for a process of its own: the same database and Redis as the test."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["MESH_TEST_DATABASE"]
MESH_REDIS_URL = os.environ["MESH_TEST_REDIS"]
