"""The canonical bytes and their leaf: golden vectors that both Python and the database are held to."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection

from crs.kernel import evidence

AT = datetime(2026, 11, 20, 19, 47, 0, 120, tzinfo=UTC)
GOLDEN: list[tuple[dict[str, Any], str]] = [
    ({}, '{"v":1}'),
    (
        {"b": 1, "a": [True, None, -7], "é": 'x"\n\u001f\u2028'},
        '{"a":[true,null,-7],"b":1,"v":1,"é":"x\\"\\n\\u001f\u2028"}',
    ),
    ({"at": AT, "units": str(2**256 - 1)}, '{"at":"2026-11-20T19:47:00.000120Z","units":"%s","v":1}' % (2**256 - 1)),
]


@pytest.mark.parametrize(("record", "text"), GOLDEN)
def test_the_bytes_are_frozen(record: dict[str, Any], text: str) -> None:
    assert evidence.canonical(record) == text.encode()
    assert json.loads(text) == json.loads(evidence.canonical(record))


def test_the_leaf_is_rfc_6962s() -> None:
    """Source: RFC 6962, 2.1: the hash of an empty leaf is SHA-256 of 0x00; the second vector is Trillian's."""
    assert evidence.leaf(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert evidence.leaf(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"


@pytest.mark.django_db
@pytest.mark.parametrize("document", [record for record, _ in GOLDEN])
def test_the_database_writes_the_same_bytes(document: dict[str, Any]) -> None:
    plain = {**evidence.plain(document), "v": 1}
    with connection.cursor() as cursor:
        cursor.execute("SELECT approvals.canonical(%s::jsonb)", [json.dumps(plain)])
        assert cursor.fetchone()[0].encode() == evidence.canonical(document)


@pytest.mark.parametrize("value", [1.5, float("nan"), b"x", {1}, object()])
def test_what_two_machines_may_write_differently_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        evidence.canonical({"a": [{"b": value}]})


def test_a_moment_is_utc_with_microseconds_and_never_naive() -> None:
    assert evidence.instant(AT.astimezone(timezone(timedelta(hours=5, minutes=45)))) == "2026-11-20T19:47:00.000120Z"
    with pytest.raises(AssertionError):
        evidence.instant(datetime(2026, 1, 1))
