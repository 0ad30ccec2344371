"""Does a key open what its scopes say, to its owner only, and nothing else?"""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.test import Client

from approvals.adapters import key_seal, nonces_valkey
from approvals.models import ApiKey, AuditEvent
from approvals.operations import keys
from approvals.rules import keys as rules
from approvals.rules.keys import KeyMalformed
from tests.support.api import KeyClient, make_client
from tests.support.cast import ALICE
from tests.support.people import make_person

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db
PATH = "/api/v1/kill-switch"
TRIGGER = "/api/v1/kill-switch/trigger"
KINDS = ["ed25519", "hmac", "bearer"]
SIGNING = ["ed25519", "hmac"]


@pytest.fixture(autouse=True)
def seal_file(tmp_path: Path, settings: Any) -> Path:
    """Give every test a seal of its own."""
    settings.KEY_SEAL_FILE = tmp_path / "secrets" / "key_seal.key"
    return tmp_path / "secrets" / "key_seal.key"


@pytest.fixture
def dead_valkey(settings: Any) -> Iterator[None]:
    """Point the memory of nonces at a port where nothing listens."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    nonces_valkey.shared.cache_clear()
    yield
    nonces_valkey.shared.cache_clear()


def refused(answer: Any) -> dict[str, Any]:
    """Return the body of the one 401, without what differs by its nature."""
    assert answer.status_code == 401
    body: dict[str, Any] = answer.json()
    body.pop("clock_skew_ms")
    body.pop("request_id")
    return body


def the_one_401(client: KeyClient) -> dict[str, Any]:
    return refused(client.send("GET", PATH, headers={}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_each_kind_reads_what_its_scope_says(kind: str) -> None:
    assert make_client(kind).get(PATH).status_code == 200


@pytest.mark.parametrize("kind", SIGNING)
@pytest.mark.parametrize(
    "tampered",
    [
        "method",
        "host",
        "port",
        "path",
        "query",
        "body",
        "key",
        "timestamp",
        "nonce",
        "signature",
        "another's",
    ],
)
def test_whatever_is_changed_on_the_way_gets_the_one_401(kind: str, tampered: str) -> None:
    client = make_client(kind, scopes=["ledger:read", "kill:engage"])
    good = client.headers("GET", PATH, query="a=1")
    signature = base64.b64decode(good["CRS-Signature"])
    changes: dict[str, dict[str, Any]] = {
        "method": {"method": "POST"},
        "path": {"path": TRIGGER},
        "query": {"query": "a=2"},
        "body": {"raw": b" "},
    }
    sent: dict[str, Any] = {"method": "GET", "path": PATH, "query": "a=1", "raw": b"", **changes.get(tampered, {})}
    proofs = {
        "host": {"Host": "localhost:8000"},
        "port": {"Host": "127.0.0.1:8001"},
        "key": {"CRS-Key-Id": make_client(kind).key.key_id},
        "timestamp": {"CRS-Timestamp": str(int(good["CRS-Timestamp"]) + 1)},
        "nonce": {"CRS-Nonce": good["CRS-Nonce"] + "x"},
        "signature": {"CRS-Signature": base64.b64encode(signature[:-1] + bytes([signature[-1] ^ 1])).decode()},
        "another's": {"CRS-Signature": make_client(kind).headers("GET", PATH, query="a=1")["CRS-Signature"]},
    }
    headers = {**good, **proofs.get(tampered, {})}
    answer = client.send(**sent, headers=headers)
    assert refused(answer) == the_one_401(client)
    assert "WWW-Authenticate" in answer


def test_the_order_of_the_query_may_change_on_the_way() -> None:
    client = make_client()
    headers = client.headers("GET", "/api/v1/venues", query="code=1&kind=PAPER")
    assert client.send("GET", "/api/v1/venues", query="kind=PAPER&code=1", headers=headers).status_code == 200


@pytest.mark.parametrize("off_ms", [-60_000, -5_400, 1_600, 60_000])
def test_an_old_or_early_timestamp_gets_the_one_401_that_tells_the_skew(off_ms: int) -> None:
    client = make_client()
    headers = client.headers("GET", PATH, at_ms=time.time_ns() // 1_000_000 + off_ms)
    answer = client.send("GET", PATH, headers=headers)
    assert abs(answer.json()["clock_skew_ms"] + off_ms) < 2_000
    assert refused(answer) == the_one_401(client)


@pytest.mark.parametrize("kind", SIGNING)
def test_a_nonce_is_spent_once(kind: str) -> None:
    client = make_client(kind)
    headers = client.headers("GET", PATH)
    assert client.send("GET", PATH, headers=headers).status_code == 200
    assert refused(client.send("GET", PATH, headers=headers)) == the_one_401(client)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer crs_live_x_y"},
        {"Authorization": "Bearer " + "x" * 4_000},
        {"Authorization": "Basic YTpi"},
        {"CRS-Key-Id": "k1"},
        {"CRS-Signature": "é"},
        {"CRS-Key-Id": "k" * 400, "CRS-Timestamp": "1", "CRS-Nonce": "n", "CRS-Signature": "!"},
        {"CRS-Key-Id": "\x00", "CRS-Timestamp": "1", "CRS-Nonce": "n" * 8, "CRS-Signature": "AAAA"},
    ],
)
def test_nonsense_gets_the_one_401(headers: dict[str, str]) -> None:
    client = make_client()
    assert refused(client.send("GET", PATH, headers=headers)) == the_one_401(client)


@pytest.mark.parametrize("kind", KINDS)
def test_both_ways_at_once_get_the_one_401(kind: str) -> None:
    signer, bearer = make_client(), make_client("bearer")
    headers = {**signer.headers("GET", PATH), **bearer.headers("GET", PATH)}
    assert refused(signer.send("GET", PATH, headers=headers)) == the_one_401(signer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_ends_when_it_is_revoked_or_expires_or_is_used_from_elsewhere(kind: str) -> None:
    client = make_client(kind)
    now = datetime.now(tz=UTC)
    rows = ApiKey.objects.filter(id=client.key.id)
    for change in (
        {"created_at": now - timedelta(hours=2), "expires_at": now - timedelta(seconds=1)},
        {"expires_at": None, "addresses": ["10.0.0.0/8", "::1"]},
        {"addresses": [], "revoked_at": now},
    ):
        rows.update(**change)
        assert refused(client.get(PATH)) == the_one_401(client)
    rows.update(revoked_at=None, addresses=["127.0.0.0/8"])
    assert client.get(PATH).status_code == 200


def test_revoking_is_evidence_and_happens_once() -> None:
    client, now = make_client(), datetime.now(tz=UTC)
    keys.revoke(key_id=client.key.key_id, reason="leaked", actor=ALICE, at=now)
    assert client.get(PATH).status_code == 401
    with pytest.raises(keys.KeyUnknown):
        keys.revoke(key_id=client.key.key_id, reason="again", actor=ALICE, at=now)
    told = AuditEvent.objects.filter(subject_kind="approvals.key", subject_id=client.key.key_id).order_by("id")
    assert [event.action for event in told] == ["approvals.key.created", "approvals.key.revoked"]


def test_a_missing_scope_is_refused_and_left_in_the_evidence() -> None:
    client = make_client(scopes=["ledger:read"])
    answer = client.post(TRIGGER, {"scope": "GLOBAL", "reason": "drill"})
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_PERMITTED")
    event = AuditEvent.objects.get(action="approvals.access.denied")
    assert (event.actor, event.subject_id) == (client.key.key_id, "kill:engage")
    assert event.request_id == answer["X-Request-ID"]


@pytest.mark.parametrize("scope", ["kill:engage", "approvals:vote"])
def test_a_bearer_key_cannot_even_be_made_for_what_needs_a_signature(scope: str) -> None:
    with pytest.raises(KeyMalformed):
        make_client("bearer", scopes=[scope])
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.filter(id=make_client("bearer").key.id).update(scopes=[scope])


@pytest.mark.parametrize(
    ("scheme", "scope", "books", "enough"),
    [
        ("bearer", "ledger:read", None, True),
        ("bearer", "evidence:read", None, True),
        ("bearer", "telemetry:write", None, True),
        ("bearer", "ledger:write", {"PAPER"}, True),
        ("bearer", "order:propose", {"PAPER"}, True),
        ("bearer", "ledger:write", {"LIVE"}, False),
        ("bearer", "ledger:write", {"SHADOW"}, False),
        ("bearer", "ledger:write", {"PAPER", "LIVE"}, False),
        ("bearer", "ledger:write", {None}, False),
        ("bearer", "ledger:write", set(), False),
        ("bearer", "ledger:write", None, False),
        ("bearer", "kill:engage", {"PAPER"}, False),
        ("bearer", "approvals:vote", {"PAPER"}, False),
        *[("signature", scope, {"LIVE"}, True) for scope in rules.SCOPES],
        *[("session", scope, None, True) for scope in rules.SCOPES],
    ],
)
def test_a_bearer_looks_reports_and_plays_with_paper_money(
    scheme: str, scope: str, books: set[str | None] | None, enough: bool
) -> None:
    assert rules.is_enough(scheme, scope, books=books) is enough


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 81},
        {"kind": "rsa"},
        {"scopes": []},
        {"scopes": ["ledger:read", "ledger:*"]},
        {"addresses": ["not-an-address"]},
        {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_key_that_says_nothing_sensible_is_not_made(wrong: dict[str, Any]) -> None:
    good: dict[str, Any] = {"name": "bot", "kind": "ed25519", "scopes": ["ledger:read"]}
    with pytest.raises(KeyMalformed):
        keys.create(**{**good, **wrong}, actor=ALICE, at=datetime.now(tz=UTC))
    assert not ApiKey.objects.exists()


def test_the_database_alone_opens_nothing(seal_file: Path) -> None:
    """Goal: a leaked dump is no key. Method: look for every secret in every column, then lose the seal's file."""
    for kind in KINDS:
        client = make_client(kind)
        (secret,) = client.shown.values()
        raw = secret.encode() if kind == "bearer" else base64.b64decode(secret)
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM approvals_apikey WHERE id = %s", [client.key.id])
            row = cursor.fetchone()
        assert row is not None
        for value in row:
            dumped = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
            assert raw not in dumped
            assert secret.encode() not in dumped
    assert seal_file.stat().st_mode & 0o777 == 0o600
    hmac_client = make_client("hmac")
    seal_file.write_bytes(bytes(32))
    assert hmac_client.get(PATH).json()["code"] == "SEAL_BROKEN"
    seal_file.unlink()
    assert hmac_client.get(PATH).json()["code"] == "SEAL_BROKEN"


def test_a_sealed_secret_is_bound_to_its_key() -> None:
    sealed = key_seal.seal(b"secret", key_id="k1")
    assert key_seal.unseal(sealed, key_id="k1") == b"secret"
    with pytest.raises(key_seal.SealBroken):
        key_seal.unseal(sealed, key_id="k2")


@pytest.mark.usefixtures("dead_valkey")
def test_without_valkey_reads_go_on_mutations_wait_and_halts_never_do() -> None:
    """`DELETE` stands for a mutation: authentication comes before the method is looked at."""
    client = make_client(scopes=["ledger:read", "kill:engage"])
    assert client.get(PATH).status_code == 200
    answer = client.call("DELETE", PATH)
    assert (answer.status_code, answer.json()["code"]) == (503, "NONCES_UNAVAILABLE")
    assert answer["Retry-After"] == "1"
    assert client.post(TRIGGER, {"scope": "GLOBAL", "reason": "drill"}).status_code == 201


def test_last_use_is_written_once_a_minute() -> None:
    client, now = make_client(), datetime.now(tz=UTC)
    row = ApiKey.objects.get(id=client.key.id)
    for seconds, expected in ((0, 0), (30, 0), (59, 0), (61, 61), (100, 61), (122, 122)):
        row.refresh_from_db()
        row.touch(now + timedelta(seconds=seconds))
        row.refresh_from_db()
        assert row.last_used_at == now + timedelta(seconds=expected)


def test_people_call_with_their_session_and_the_scopes_of_their_roles() -> None:
    client = make_client().client
    make_person("vera", "viewer")
    make_person("otto", "operator")
    person = get_user_model().objects
    client.force_login(person.get(username="vera"))
    assert client.get(PATH).status_code == 200
    answer = client.post(TRIGGER, {"scope": "GLOBAL", "reason": "x"}, content_type="application/json")
    assert answer.status_code == 403
    client.force_login(person.get(username="otto"))
    answer = client.post(TRIGGER, {"scope": "GLOBAL", "reason": "x"}, content_type="application/json")
    assert answer.status_code == 201


def test_a_session_changes_nothing_without_its_csrf_token() -> None:
    make_person("otto", "operator")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(get_user_model().objects.get(username="otto"))
    answer = browser.post(TRIGGER, {"scope": "GLOBAL", "reason": "x"}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_PERMITTED")
    assert "CSRF" in answer.json()["detail"]


def test_the_window_is_the_setting() -> None:
    assert settings.SIGNATURE_WINDOW_MS == 5_000
