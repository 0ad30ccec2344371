"""Who needs a connection of his own? Whoever listens for notifications or leads by a lock that ends with it."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connection

# A dead peer is noticed within about 11 s, in silence and in mid-statement: a lost leader must not lead on.
KEEPALIVE: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def connect(purpose: str) -> psycopg.Connection[Any]:
    """Return a new connection past every pool and proxy, in autocommit. Raises psycopg's `OperationalError`."""
    target = connection.settings_dict
    return psycopg.connect(
        host=target["HOST"] or None,
        port=target["PORT"] or None,
        dbname=target["NAME"],
        user=target["USER"],
        password=target["PASSWORD"],
        application_name=f"crs-{purpose}",
        connect_timeout=2,
        autocommit=True,
        **KEEPALIVE,
    )
