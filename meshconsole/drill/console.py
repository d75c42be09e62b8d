"""The console as a person's script sees it: sign in, read, change with If-Match."""

from __future__ import annotations

import re
from typing import Any

import httpx

TIMEOUT_SECONDS = 20.0
_CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Refused(Exception):
    """The console did not do what was asked; the text has its answer."""


class Console:
    """A signed-in session; every call raises Refused on an answer that is not 2xx."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, follow_redirects=False)
        try:
            self._sign_in(user, password)
        except BaseException:
            self.close()
            raise

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON at `path`."""
        return self._answer(self._http.get(path, params=query)).json()

    def page(self, path: str) -> httpx.Response:
        """A page, whatever its status."""
        return self._http.get(path)

    def put(self, path: str, document: object, *, version: int) -> Any:
        """Change what is at `path`, edited from `version`."""
        headers = {**self._csrf(), "If-Match": f'"{version}"'}
        return self._answer(self._http.put(path, json=document, headers=headers)).json()

    def post(self, path: str, document: object) -> Any:
        """Send a document."""
        return self._answer(self._http.post(path, json=document, headers=self._csrf())).json()

    def close(self) -> None:
        """End the session's connections."""
        self._http.close()

    def _sign_in(self, user: str, password: str) -> None:
        page = self._http.get("/login/")
        found = _CSRF_FIELD.search(page.text)
        if page.status_code != 200 or found is None:
            raise Refused(f"The sign-in page answers {page.status_code} without its form.")
        form = {"username": user, "password": password, "csrfmiddlewaretoken": found[1]}
        headers = {"Referer": str(self._http.base_url), "Origin": _origin(self._http.base_url)}
        answer = self._http.post("/login/", data=form, headers=headers)
        if answer.status_code != 302:
            raise Refused(f"The console did not let {user} in: wrong password?")

    def _csrf(self) -> dict[str, str]:
        token = next(
            (cookie.value for cookie in self._http.cookies.jar if "csrf" in cookie.name), None
        )
        base = self._http.base_url
        return {"X-CSRFToken": token or "", "Referer": str(base), "Origin": _origin(base)}

    def _answer(self, response: httpx.Response) -> httpx.Response:
        if not response.is_success:
            raise Refused(
                f"{response.request.method} {response.request.url.path} was answered "
                f"{response.status_code}: {response.text[:500]}"
            )
        return response


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"
