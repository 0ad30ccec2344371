"""Is a given PostgreSQL ready for CRS, and what must its administrator run? CRS itself makes no role there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg

from crs.stack import postgres, python, valkey
from crs.stack.folder import Unusable
from crs.stack.postgres import APP_SETTINGS

if TYPE_CHECKING:
    from crs.stack.site import Site

VERSION_MIN = 15

# One row of facts about the connected role.
ROLE = """
SELECT rolname, rolsuper, rolcreaterole, rolbypassrls,
       EXISTS (SELECT FROM pg_roles other WHERE other.oid <> me.oid AND pg_has_role(me.oid, other.oid, 'MEMBER')),
       has_schema_privilege('public', 'CREATE'), has_database_privilege(current_database(), 'CREATE'),
       current_setting('server_version_num')::int / 10000
FROM pg_roles me WHERE rolname = current_user
"""


def administrator_sql(site: Site) -> str:
    """Return what an administrator runs once on a given server; the passwords are asked for, not printed."""
    owner, database = _user(site.addresses["OWNER_DATABASE_URL"]), _name(site.addresses["OWNER_DATABASE_URL"])
    settings = "\n".join(f"ALTER ROLE crs_app SET {name} = '{value}';" for name, value in APP_SETTINGS.items())
    return f"""\
-- As a superuser, with psql. The owner migrates; crs_app runs the desk.
CREATE ROLE "{owner}" LOGIN NOSUPERUSER NOCREATEROLE;
CREATE ROLE crs_app LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB;
\\password "{owner}"
\\password crs_app
CREATE DATABASE "{database}" OWNER "{owner}" ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT, TEMPORARY ON DATABASE "{database}" FROM PUBLIC;
GRANT CONNECT ON DATABASE "{database}" TO crs_app;
{settings}
-- For the tests only:  ALTER ROLE "{owner}" CREATEDB;  GRANT crs_app TO "{owner}" WITH INHERIT FALSE, SET TRUE;
"""


def refuse_unusable(site: Site) -> None:
    """Raise `Unusable` when a given server does not answer or would not let CRS work, before anything is started."""
    if postgres.is_given(site) and (findings := database_findings(site)):
        raise Unusable(f"the given database is not ready: {findings[0]} (`manage.py doctor` prints the SQL)")
    if valkey.is_given(site) and not valkey.answers(site.addresses["REDIS_URL"]):
        raise Unusable("REDIS_URL: no server answers there")
    if python.is_gateway_given(site):
        try:
            python.is_gateway_ready(site, 0)
        except OSError:
            raise Unusable(f"GATEWAY_COMMAND_URL: nothing answers at {site.addresses['GATEWAY_COMMAND_URL']}") from None


def database_findings(site: Site) -> list[str]:
    """Return what is wrong with the given database, one sentence each; nothing when it can be used."""
    app, owner = site.addresses["DATABASE_URL"], site.addresses["OWNER_DATABASE_URL"]
    findings = []
    if _user(app) != "crs_app":
        findings.append("DATABASE_URL does not sign in as crs_app")
    if (urlsplit(app).hostname, _name(app)) != (urlsplit(owner).hostname, _name(owner)):
        findings.append("DATABASE_URL and OWNER_DATABASE_URL name different databases")
    for variable, url in (("DATABASE_URL", app), ("OWNER_DATABASE_URL", owner)):
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                row = connection.execute(ROLE).fetchone()
                settings: dict[str, str] = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
        except psycopg.OperationalError:
            # The driver's own words may repeat the address, so they are not shown.
            findings.append(f"{variable}: no connection as {_user(url)} to {_name(url)}")
            continue
        assert row is not None, "every connection has a role"
        findings += _role_findings(variable, row, settings)
    return findings


def _role_findings(variable: str, row: tuple[object, ...], settings: dict[str, str]) -> list[str]:
    name, is_super, creates_roles, bypasses, is_member, makes_tables, _, version = row
    assert isinstance(version, int)
    findings = []
    if version < VERSION_MIN:
        findings.append(f"{variable}: PostgreSQL {version} is older than {VERSION_MIN}")
    if variable == "OWNER_DATABASE_URL":
        if is_super:
            findings.append(f"{variable}: {name} is a superuser; CRS migrates with a role that only owns its database")
        if not makes_tables:
            findings.append(f"{variable}: {name} may not create tables in the schema public")
        return findings
    if is_super or creates_roles or bypasses:
        findings.append(f"{variable}: {name} is a superuser, makes roles or bypasses row security")
    if is_member:
        findings.append(f"{variable}: {name} is a member of another role and could become it")
    if makes_tables:
        findings.append(f"{variable}: {name} may create tables in the schema public")
    findings += [f"{variable}: {name} has no {setting}" for setting in APP_SETTINGS if settings.get(setting) == "0"]
    return findings


def _user(url: str) -> str:
    return urlsplit(url).username or ""


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")
