"""What does every test find? Random seeds that are printed, and the application's own rights where they matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from hypothesis import HealthCheck, settings

from ledger import queries

if TYPE_CHECKING:
    from collections.abc import Iterator

# Function-scoped fixtures hold no state that an example changes, and two shared cores are no time-out's friend.
settings.register_profile(
    "crs", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("crs")


@pytest.fixture
def as_app(db: None) -> Iterator[None]:
    """Run the test with the rights of the application role, on every connection that it opens.

    `RESET ROLE` would undo it: attacks on the role itself log in as `crs_app` (tests/support/logins.py).
    """

    def become_app(connection: Any, **_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE crs_app")

    if connection.connection is not None:  # a transaction of the test runner is open: its rollback resets the role
        become_app(connection)
    connection_created.connect(become_app)
    yield
    connection_created.disconnect(become_app)
    if not connection.in_atomic_block:
        connection.close()  # the flush that follows is the owner's


@pytest.fixture(autouse=True)
def _forget_rows() -> Iterator[None]:
    """Charts and assets are read once per process; the rows of one test are not those of the next."""
    yield
    queries.forget()
