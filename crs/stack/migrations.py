"""Must the tables change? Asked without Django, because asking Django costs a second at every start."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg

from crs.stack.addresses import ROOT

if TYPE_CHECKING:
    from crs.stack.site import Site

STAMP = "migrated.json"


def are_due(site: Site) -> bool:
    """Tell whether `migrate` has to run: our migrations or libraries changed, or the database is another one."""
    return site.folder.read_json(STAMP) != _stamp(site)


def remember(site: Site) -> None:
    """Write down that the database is up to date with the files."""
    site.folder.write_json(STAMP, _stamp(site))


def has_command(name: str) -> bool:
    """Tell whether one of our packages has this management command."""
    return any(ROOT.glob(f"*/management/commands/{name}.py"))


def last_object(output: str) -> dict[str, Any]:
    """Return the JSON object in the last line of what a command wrote, or an empty one."""
    for line in reversed(output.splitlines()):
        if line.strip():
            try:
                content = json.loads(line)
            except ValueError:
                return {}
            return content if isinstance(content, dict) else {}
    return {}


def _stamp(site: Site) -> dict[str, Any]:
    files = [*ROOT.glob("*/migrations/**/*.py"), *ROOT.glob("*/migrations/**/*.sql"), *ROOT.glob("requirements/*.txt")]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    url = urlsplit(site.addresses["OWNER_DATABASE_URL"])
    applied: list[Any] = [None, None]
    try:
        with psycopg.connect(site.addresses["OWNER_DATABASE_URL"], connect_timeout=5) as connection:
            row = connection.execute("SELECT count(*), max(applied)::text FROM public.django_migrations").fetchone()
            applied = list(row or applied)
    except psycopg.errors.UndefinedTable:
        pass  # an empty database: whatever was written down is not about it
    return {"files": digest.hexdigest(), "database": f"{url.hostname}:{url.port}{url.path}", "applied": applied}
