"""What does CRS refuse to start with? Asked by `manage.py check`, by every process at its start, and by `/readyz`.

These are not assertions: `python -O` would take them away, and it is one of the things refused.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

# What the application reads only; each exists once its app has migrated.
BOOK = (
    "ledger_journal",
    "ledger_posting",
    "ledger_balance",
    "approvals_auditevent",
    "approvals_haltepoch",
    "approvals_killswitch",
    "approvals_killswitchevent",
    "approvals_haltrelease",
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")

# One row per right that the connected role has and must not have.
EXCESS = """
SELECT 'is a superuser' FROM pg_roles WHERE rolname = current_user AND rolsuper
UNION ALL
SELECT 'may make roles' FROM pg_roles WHERE rolname = current_user AND rolcreaterole
UNION ALL
SELECT 'may become ' || other.rolname FROM pg_roles other, pg_roles me
WHERE me.rolname = current_user AND other.oid <> me.oid AND pg_has_role(me.oid, other.oid, 'MEMBER')
UNION ALL
SELECT 'may make tables' WHERE has_schema_privilege('public', 'CREATE')
UNION ALL
SELECT 'may ' || kind || ' ' || relname FROM pg_class,
       unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS kind
WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s) AND has_table_privilege(oid, kind)
"""


@register(Tags.security)
def refuse_switched_off_assertions(**_: Any) -> list[CheckMessage]:
    """E001: under python -O every assertion is gone."""
    if not sys.flags.optimize:
        return []
    return [Error("Python runs with -O: the assertions of CRS are off", hint="Unset PYTHONOPTIMIZE.", id="crs.E001")]


@register(Tags.security)
def refuse_demo_secrets(**_: Any) -> list[CheckMessage]:
    """E002, E003: outside a demo a known or short key, and a broker without a password, are refused."""
    found: list[CheckMessage] = []
    if not settings.HARDENED:
        return found
    if settings.SECRET_KEY.startswith("demo-only") or len(settings.SECRET_KEY) < 40:
        found.append(Error("SECRET_KEY is short or the demo's", hint="48 random characters or more.", id="crs.E002"))
    broker = urlsplit(settings.REDIS_URL)
    if not broker.password or (broker.hostname not in LOOPBACK and broker.scheme != "rediss"):
        hint = "A password always; rediss:// (TLS) outside loopback."
        found.append(Error("REDIS_URL is open to others", hint=hint, id="crs.E003"))
    return found


def refuse_a_mighty_application() -> None:
    """Raise `ImproperlyConfigured` when the role that runs the desk could write the book or become somebody else.

    Called by web, worker, beat and daemon before they work. A database that is away is no answer: `/readyz` asks again.
    """
    try:
        excess = excess_rights()
    except OperationalError:
        return
    finally:
        # Opened before the process forks: neither its socket nor the threads of its pool may go with it.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's wrapper has it
    if excess:
        raise ImproperlyConfigured(f"the application's database role {'; '.join(excess)} (docs/runbooks/stack.md)")


def excess_rights() -> list[str]:
    """Return what the connected role may do and must not, in words."""
    with connection.cursor() as cursor:
        cursor.execute(EXCESS, [list(BOOK)])
        return [row[0] for row in cursor.fetchall()]
