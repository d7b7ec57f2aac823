"""The fixtures of the tests, for the benchmarks."""

from __future__ import annotations

from tests.conftest import *  # noqa: F403
