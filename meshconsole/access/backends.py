"""Passwords are checked behind the throttle, whichever door they come through."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from meshconsole.access import throttle
from meshconsole.core.request import client_address


class ThrottledBackend(ModelBackend):
    """Django's accounts; after too many failures it does not even look at the password."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """The user, or None; raises PermissionDenied while throttled."""
        account, now = username or "", timezone.now()
        address = client_address(request) if request is not None else ""
        if throttle.try_begin(account, address, now) is None:
            raise PermissionDenied
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is not None:
            throttle.failures_forget(account)
        return user
