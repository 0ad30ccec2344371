"""How does an attack log in? As the application role or as the owner, outside Django, with nothing prepared for it."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connection


def login(role: str) -> psycopg.Connection[Any]:
    """Return a raw connection to the test database as `crs_app` or `crs_owner`, in autocommit."""
    url = os.environ["APP_DATABASE_URL" if role == "crs_app" else "DATABASE_URL"]
    parts = urlsplit(url)
    assert parts.username == role, f"{url} is not the address of {role}"
    return psycopg.connect(
        urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")), autocommit=True, connect_timeout=5
    )
