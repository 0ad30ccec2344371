"""The evidence, attacked and compared with its Python twin; what journals leave there is in tests/ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection
from hypothesis import given
from hypothesis import strategies as st

from approvals.models import AuditEvent
from approvals.operations import audit
from crs.kernel import evidence
from crs.kernel.actor import Actor
from tests.support.cast import ALICE
from tests.support.factories import NOON
from tests.support.logins import login

pytestmark = pytest.mark.django_db

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
moments = st.datetimes(
    datetime(1970, 1, 1),
    datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-8))]),
)


def record(**changes: Any) -> AuditEvent:
    told: dict[str, Any] = {
        "action": "approvals.halt.engaged",
        "actor": ALICE,
        "subject_kind": "approvals.halt",
        "subject_id": "GLOBAL",
        "at": NOON,
    }
    return AuditEvent.objects.get(id=audit.record(**{**told, **changes}))


def columns(event: AuditEvent) -> dict[str, Any]:
    """What the body of an event must say, from its columns."""
    names = (
        "action actor actor_kind after at before facts ip login reason recorded_at request_id role subject_id"
        " subject_kind"
    )
    return {**{name: getattr(event, name) for name in names.split()}, "desk": event.desk_id}


def test_an_event_holds_its_canonical_bytes_and_their_leaf(as_app: None) -> None:
    event = record(
        reason='drill "7"\n', desk_id=4, before={"b": 1, "aa": None}, after={"é": [True, {"z": "0.10"}]}, facts={}
    )
    assert bytes(event.body) == evidence.canonical(columns(event))
    assert event.leaf == evidence.leaf(bytes(event.body))
    assert json.loads(bytes(event.body))["after"] == {"é": [True, {"z": "0.10"}]}


@pytest.mark.property
@given(reason=texts, document=st.dictionaries(texts, documents, max_size=4), at=moments)
def test_the_database_builds_the_same_bytes_as_python(reason: str, document: dict[str, Any], at: datetime) -> None:
    event = record(reason=reason, after=document, at=at, ip="2001:db8::1")
    assert bytes(event.body) == evidence.canonical(columns(event))


def test_the_bytes_do_not_depend_on_what_a_connection_sets() -> None:
    settings = {"TimeZone": "Asia/Kathmandu", "DateStyle": "German, DMY", "bytea_output": "escape", "search_path": ""}
    with connection.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute(f"SET LOCAL {name} = '{value}'")
        cursor.execute("SELECT approvals.record('a.b.c', 'key', 'k1', 'x', '1', '2026-11-20T12:00:00Z', reason => 'é')")
        number = cursor.fetchone()[0]
        for name in settings:
            cursor.execute(f"SET LOCAL {name} TO DEFAULT")
    event = AuditEvent.objects.get(id=number)
    assert bytes(event.body) == evidence.canonical(columns(event))
    assert b'"at":"2026-11-20T12:00:00.000000Z"' in bytes(event.body)


@pytest.mark.parametrize("document", [{"price": 1.5}, {"a": [{"b": float("nan")}]}, {"a": b"bytes"}, {"a": {1, 2}}])
def test_a_float_never_gets_into_the_evidence(document: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        record(after=document)


def test_the_database_refuses_a_float_too() -> None:
    with login("crs_app") as app, pytest.raises(psycopg.DatabaseError, match="no canonical form"):
        app.execute(
            "SELECT approvals.record('a.b.c', 'person', 'mallory', 'x', '1', now(), after => '{\"price\": 1.5}'::jsonb)"
        )


@pytest.mark.parametrize("at", ["infinity", "-infinity", "4000-01-01 BC", "294276-01-01"])
def test_an_event_happened_at_a_moment_that_has_bytes(at: str) -> None:
    """Infinity is empty text and BC is left out: what was hashed would not be what the row says."""
    with login("crs_app") as app, pytest.raises(psycopg.DatabaseError, match="between 1970 and 2199"):
        app.execute("SELECT approvals.record('a.b.c', 'person', 'mallory', 'x', '1', %s::timestamptz)", [at])


def test_nobody_tells_of_a_journal_but_the_journal() -> None:
    """Two events that say "posted" about one journal would make one of them a lie."""
    with login("crs_app") as app, pytest.raises(psycopg.DatabaseError, match="tells of itself"):
        app.execute(
            "SELECT approvals.record('ledger.journal.posted', 'person', 'mallory', 'ledger.journal', '1', now())"
        )


def test_a_role_does_not_speak_through_the_function() -> None:
    with pytest.raises(Exception, match="told by a person"):
        record(actor=Actor("role", "crs_owner"))


def test_time_of_recording_and_role_cannot_be_told(as_app: None) -> None:
    event = record(at=NOON - timedelta(days=4000))
    assert event.recorded_at > NOON - timedelta(days=1)
    assert event.role == "crs_owner"  # the login, whatever role the connection plays now
    assert event.at == NOON - timedelta(days=4000)


ATTACKS_APP = [
    "INSERT INTO approvals_auditevent (action, subject_kind, subject_id) VALUES ('a.b.c', 'x', '1')",
    "UPDATE approvals_auditevent SET reason = 'never mind'",
    "DELETE FROM approvals_auditevent",
    "TRUNCATE approvals_auditevent",
    "ALTER TABLE approvals_auditevent DISABLE TRIGGER ALL",
    "ALTER TABLE approvals_auditevent DISABLE TRIGGER evidence_body",
    "DROP TABLE approvals_auditevent",
    "CREATE OR REPLACE FUNCTION approvals.evidence_leaf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE FUNCTION approvals.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE TABLE public.mine (id int)",
    "CREATE TEMPORARY TABLE approvals_auditevent (id int)",
    "SELECT setval('approvals_auditevent_id_seq', 1)",
    "SET session_replication_role = replica",
    "SET ROLE crs_owner",
    "SET SESSION AUTHORIZATION crs_owner",
    "GRANT crs_owner TO crs_app",
    "ALTER ROLE crs_app SUPERUSER",
]


@pytest.mark.parametrize("attack", ATTACKS_APP)
def test_the_application_role_can_only_read_and_append(attack: str) -> None:
    with login("crs_app") as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(attack)


@pytest.mark.parametrize("attack", ["UPDATE approvals_auditevent SET reason = ''", "DELETE FROM approvals_auditevent"])
def test_the_owner_cannot_change_what_happened(attack: str) -> None:
    event = record()
    with pytest.raises(Exception, match="never changed"), connection.cursor() as cursor:
        cursor.execute(f"{attack} WHERE id = {event.id}")


def test_nobody_gives_a_leaf() -> None:
    with pytest.raises(ProgrammingError, match="generated column"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO approvals_auditevent (action, subject_kind, subject_id, leaf)"
            " VALUES ('a.b.c', 'x', '1', '\\x00')"
        )


def test_an_insert_by_hand_leaves_its_role_its_bytes_and_its_leaf() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO approvals_auditevent (action, subject_kind, subject_id)"
            " VALUES ('a.b.c', 'x', '1') RETURNING id"
        )
        event = AuditEvent.objects.get(id=cursor.fetchone()[0])
    assert (event.actor_kind, event.actor, event.role) == ("role", "crs_owner", "crs_owner")
    assert bytes(event.body) == evidence.canonical(columns(event))
    assert event.leaf == evidence.leaf(bytes(event.body))
