"""Where do the tests' servers come from? From the environment, otherwise from an embedded stack of their own."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Set the addresses before Django reads its settings."""
    os.environ.setdefault("GATEWAY_COMMAND_URL", "tcp://127.0.0.1:1")
    os.environ.setdefault("GATEWAY_TICKS_URL", "tcp://127.0.0.1:1")
    if "DATABASE_URL" not in os.environ:
        raise pytest.UsageError("DATABASE_URL is not set")
