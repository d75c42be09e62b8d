"""A plugin of pytest, `-p tests.harness.compiled`: the tests run against what is compiled."""

from __future__ import annotations

from proxy.compiled import use_compiled

assert use_compiled() == "compiled", "Nothing is compiled of these sources: make compiled."
