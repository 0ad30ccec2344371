"""Does CRS refuse to start where it should, and say so when it is not ready?"""

from __future__ import annotations

import json
import signal
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from django.core.checks.registry import registry
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from crs import checks, health
from crs.stack.folder import Folder
from crs.stack.services import SERVICES
from crs.stack.site import Site
from guardian import queries
from guardian.operations import signs
from tests.support.paper_gateway import PaperGateway

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django import Settings

NOW = "2026-11-20T19:47:00+00:00"


@pytest.fixture
def keeps_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check closes its connection, because processes fork after it; a test's transaction lives on it."""
    monkeypatch.setattr(connection, "close", lambda: None)


@pytest.mark.django_db
@pytest.mark.usefixtures("keeps_connection")
def test_the_application_role_is_accepted_and_the_owner_is_not(request: pytest.FixtureRequest) -> None:
    with pytest.raises(ImproperlyConfigured, match="may become crs_app"):
        checks.refuse_a_mighty_application()
    request.getfixturevalue("as_app")
    checks.refuse_a_mighty_application()


@pytest.mark.django_db
@pytest.mark.parametrize("right", ["INSERT", "UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("table", checks.BOOK)
def test_any_right_on_the_book_is_too_much(table: str, right: str, request: pytest.FixtureRequest) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT {right} ON public.{table} TO crs_app")
    request.getfixturevalue("as_app")
    assert checks.excess_rights() == [f"may {right} {table}"]


def test_switched_off_assertions_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.refuse_switched_off_assertions() == []
    monkeypatch.setattr(sys, "flags", SimpleNamespace(optimize=1))
    assert [found.id for found in checks.refuse_switched_off_assertions()] == ["crs.E001"]


@pytest.mark.parametrize(
    ("secret", "broker", "expected"),
    [
        ("x" * 48, "rediss://:pw@valkey.example/0", []),
        ("x" * 48, "redis://:pw@127.0.0.1/0", []),
        ("demo-only: as in a demo, however long it may be", "redis://:pw@127.0.0.1/0", ["crs.E002"]),
        ("short", "redis://:pw@127.0.0.1/0", ["crs.E002"]),
        ("x" * 48, "redis://127.0.0.1/0", ["crs.E003"]),
        ("x" * 48, "redis://:pw@valkey.example/0", ["crs.E003"]),
    ],
)
def test_demo_secrets_and_open_brokers_are_errors_outside_a_demo(
    settings: Settings, secret: str, broker: str, expected: list[str]
) -> None:
    settings.SECRET_KEY, settings.REDIS_URL = secret, broker
    assert checks.refuse_demo_secrets() == []
    settings.HARDENED = True
    assert [found.id for found in checks.refuse_demo_secrets()] == expected


def test_our_checks_are_asked_by_manage_py_check() -> None:
    asked = registry.get_checks(include_deployment_checks=True)
    assert {checks.refuse_switched_off_assertions, checks.refuse_demo_secrets} <= set(asked)


def test_livez_needs_nothing_but_the_process(client: Client) -> None:
    """No database is allowed in this test."""
    assert client.get("/livez").json() == {"ok": True}


@pytest.mark.django_db
def test_readyz_names_each_part_and_what_it_misses(client: Client) -> None:
    answer = client.get("/readyz")
    parts = answer.json()["checks"]
    assert answer.status_code == 503
    assert list(parts) == list(health.PARTS)
    assert {name for name, part in parts.items() if part["ok"]} == {"database", "migrations", "valkey"}
    assert parts["worker"]["detail"] == "no canary was ever answered"
    assert parts["gateway"]["detail"].startswith("GATEWAY_")


@pytest.mark.django_db
def test_a_frozen_gateway_is_not_ready(client: Client, settings: Settings, tmp_path: Path) -> None:
    """Its port still accepts connections: the kernel does that for whoever sleeps."""
    gateway = PaperGateway(tmp_path).start()
    assert gateway.process is not None
    site = Site(Folder(tmp_path), addresses={"GATEWAY_COMMAND_URL": gateway.command})
    settings.GATEWAY_COMMAND_URL, settings.GATEWAY_TICKS_URL = gateway.command, gateway.ticks
    settings.GATEWAY_KEY_FILE = tmp_path / "gateway.key"
    try:
        assert client.get("/readyz").json()["checks"]["gateway"] == {"ok": True, "detail": "PAPER answers"}
        assert SERVICES["gateway"].answers(site, 0)
        gateway.process.send_signal(signal.SIGSTOP)
        found = client.get("/readyz").json()["checks"]["gateway"]
        assert not found["ok"]
        assert found["detail"].partition(":")[0] in ("GATEWAY_SILENT", "GATEWAY_UNREACHABLE")
        assert not SERVICES["gateway"].answers(site, 0)
    finally:
        gateway.process.send_signal(signal.SIGCONT)
        gateway.stop()


@pytest.mark.django_db
def test_a_part_that_fell_silent_is_not_ready(client: Client) -> None:
    signs.beat("daemon:relay")
    assert client.get("/readyz").json()["checks"]["daemon"] == {"ok": True, "detail": "relay"}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE guardian_heartbeat SET at = at - interval '16 s'")
    assert client.get("/readyz").json()["checks"]["daemon"]["ok"] is False


@pytest.mark.django_db
def test_a_wrong_password_is_not_told_to_whoever_asks(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://:hunter2@127.0.0.1:1/0"
    answer = client.get("/readyz")
    assert answer.json()["checks"]["valkey"]["ok"] is False
    assert "hunter2" not in json.dumps(answer.json())


@pytest.mark.django_db
def test_metrics_are_read_from_rows_at_scrape(client: Client) -> None:
    signs.beat("daemon:relay")
    text = client.get("/metrics").content.decode()
    assert "crs_up 1.0" in text
    assert 'crs_heartbeat_age_seconds{process="daemon:relay"} 0.' in text


def test_metrics_say_when_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away() -> None:
        raise OperationalError("no connection")

    monkeypatch.setattr(queries, "signs", away)
    assert "crs_up 0.0" in client.get("/metrics").content.decode()


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_health_pages_only_show(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
