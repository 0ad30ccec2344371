"""Does a halt latch, for everybody, until two people let it go?"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction

from approvals import queries
from approvals.models import AuditEvent, HaltEpoch, KillSwitch, KillSwitchEvent
from approvals.models import halts as rows
from approvals.operations import killswitch, modes
from approvals.rules.scope import GLOBAL, Scope, parse
from crs.kernel.actor import Actor, machine
from crs.kernel.refusal import ReasonMissing
from tests.support.api import make_client
from tests.support.factories import make_account, make_desk
from tests.support.logins import login
from tests.support.people import make_person

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOLD = Scope("SYMBOL", "XAUUSD.s")
COMMAND = machine("kill")
BOT = Actor("key", "k0123456789abcdef")


@pytest.fixture
def alice(db: None) -> Actor:
    return make_person("alice", "operator")


@pytest.fixture
def bob(db: None) -> Actor:
    return make_person("bob", "risk")


def actions(scope: Scope = GOLD) -> list[str]:
    return [event.action for event in reversed(queries.halt_events(scope))]


# ── Engage ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_engaging_takes_the_next_epoch_and_leaves_its_event_and_evidence(alice: Actor) -> None:
    before = queries.halts().epoch
    engaged = killswitch.engage(
        scope=GOLD, reason=" prices look wrong ", actor=alice, at=NOON, metadata={"tick": 7}, request_id="r-1"
    )
    assert engaged.is_new
    assert engaged.halt.epoch == before + 1
    assert (engaged.halt.positions, engaged.halt.reason) == ("KEEP", "prices look wrong")
    assert queries.halts().engaged == (engaged.halt,)
    event, leaf = KillSwitchEvent.objects.get(), AuditEvent.objects.get(action="approvals.halt.engaged")
    assert (event.action, event.epoch, event.metadata) == ("ENGAGE", before + 1, {"tick": 7})
    assert (leaf.subject_id, leaf.actor, leaf.request_id) == ("SYMBOL:XAUUSD.s", "alice", "r-1")


def test_an_engaged_scope_stays_engaged_and_takes_the_further_reason(alice: Actor) -> None:
    first = killswitch.engage(scope=GOLD, reason="one", actor=alice, at=NOON)
    again = killswitch.engage(scope=parse("symbol:xauusd.S"), reason="two", actor=BOT, at=NOON, positions="CLOSE")
    assert not again.is_new
    assert again.halt.epoch == first.halt.epoch
    assert (again.halt.positions, again.halt.reason) == ("CLOSE", "one")
    assert [event.reason for event in reversed(queries.halt_events(GOLD))] == ["one", "two"]
    lowered = killswitch.engage(scope=GOLD, reason="three", actor=alice, at=NOON, positions="KEEP")
    assert lowered.halt.positions == "CLOSE"


@pytest.mark.parametrize(
    ("scope", "positions"),
    [("GLOBAL", "CLOSE"), ("STRATEGY:s", "CLOSE"), ("CHAIN:eth", "CLOSE"), ("SYMBOL:s", "KEEP")],
)
def test_what_happens_to_positions_follows_from_the_kind_of_scope(db: None, scope: str, positions: str) -> None:
    assert killswitch.engage(scope=parse(scope), reason="x", actor=BOT, at=NOON).halt.positions == positions


def test_halts_of_desks_venues_and_accounts_need_one_that_exists(db: None) -> None:
    account = make_account()
    for scope in (f"DESK:{account.desk.code.lower()}", f"VENUE:{account.venue.code}", f"account:{account.code}"):
        assert killswitch.engage(scope=parse(scope), reason="x", actor=BOT, at=NOON).is_new
    for scope in ("DESK:NONE", "VENUE:NONE", "ACCOUNT:NONE", "KEY:NONE"):
        with pytest.raises(killswitch.UnknownScope):
            killswitch.engage(scope=parse(scope), reason="x", actor=BOT, at=NOON)


def test_a_halt_says_why(alice: Actor) -> None:
    with pytest.raises(ReasonMissing):
        killswitch.engage(scope=GOLD, reason="  ", actor=alice, at=NOON)
    assert not KillSwitch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_stop_at_once_one_is_first_and_all_see_one_epoch() -> None:
    results: list[tuple[int, bool]] = []

    def stop() -> None:
        engaged = killswitch.engage(scope=GLOBAL, reason="run away", actor=BOT, at=NOON)
        results.append((engaged.halt.epoch, engaged.is_new))
        connections.close_all()

    threads = [threading.Thread(target=stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert len({epoch for epoch, _ in results}) == 1
    assert [is_new for _, is_new in results].count(True) == 1


@pytest.mark.django_db(transaction=True)
def test_a_process_that_freezes_in_the_middle_of_a_halt_does_not_hold_up_the_next() -> None:
    """Goal: nobody can sit on the epoch's lock. Method: a thread takes it inside an engage and then does nothing."""
    holds, outcome = threading.Event(), []

    def freeze() -> None:
        try:
            with killswitch._short_transaction():
                rows.engage(scope=GOLD, positions="KEEP", reason="frozen", metadata={}, actor=BOT, at=NOON)
                holds.set()
                time.sleep(2.5)
        except DatabaseError as error:
            outcome.append(error)
        connections.close_all()

    frozen = threading.Thread(target=freeze)
    frozen.start()
    holds.wait(5)
    begun = time.monotonic()
    assert killswitch.engage(scope=GLOBAL, reason="run away", actor=BOT, at=NOON).is_new
    assert time.monotonic() - begun < 1.8
    frozen.join()
    assert outcome, "the frozen one has lost its session"
    assert [str(halt.scope) for halt in queries.halts().engaged] == ["GLOBAL"]


# ── Release ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_two_people_release(alice: Actor, bob: Actor) -> None:
    halt = killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON).halt
    asked = killswitch.request_release(scope=GOLD, cause="drill", remedy="none needed", actor=alice, at=NOON)
    assert list(queries.open_releases()) == [asked]
    epoch = killswitch.confirm_release(release_id=asked.id, actor=bob, at=NOON + timedelta(minutes=1))
    assert epoch > halt.epoch
    row = queries.kill_switch(GOLD)
    assert row is not None
    assert (row.state, row.epoch, row.released_by) == ("SAFE", epoch, "person:alice and person:bob")
    assert queries.halts().engaged == ()
    assert actions() == ["ENGAGE", "REQUEST", "RELEASE"]
    told = AuditEvent.objects.filter(subject_kind="approvals.halt").order_by("id")
    assert [event.action.rsplit(".", 1)[1] for event in told] == ["engaged", "release_requested", "released"]


def test_whoever_asks_does_not_confirm_whatever_roles_he_has(alice: Actor) -> None:
    both = make_person("zoe", "operator", "risk", "security")
    killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON)
    asked = killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=both, at=NOON)
    with pytest.raises(killswitch.SamePerson):
        killswitch.confirm_release(release_id=asked.id, actor=both, at=NOON)
    assert queries.halts().engaged
    assert actions() == ["ENGAGE", "REQUEST", "DENIED"]


@pytest.mark.parametrize(
    "second", ["person:alice ", "person:alice\u200b", "person:", "person: alice", "person:Alice", "key:k1"]
)
@pytest.mark.usefixtures("db")
def test_another_spelling_is_no_second_person(alice: Actor, second: str) -> None:
    """Past our own code, by the application's role: a name with a blank or with nothing to see is nobody's name."""
    killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON)
    asked = killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=alice, at=NOON)
    with pytest.raises(DatabaseError, match=r"people release|another person"), transaction.atomic():
        execute("SELECT approvals.confirm_release(%s, %s, now())", [asked.id, second])
    assert queries.halts().engaged


@pytest.mark.parametrize("at", ["infinity", "-infinity", "4000-01-01 BC", "2200-01-01Z"])
@pytest.mark.usefixtures("db")
def test_a_halt_happened_at_a_moment_that_every_reader_can_print(at: str) -> None:
    engage = "SELECT approvals.engage('GLOBAL', '', 'KEEP', 'x', '{}', 'machine:mallory', %s::timestamptz)"
    note = "SELECT approvals.note_halt('GLOBAL', '', 'DENIED', 'machine:mallory', 'x', NULL, 0, %s::timestamptz)"
    for call in (engage, note):
        with pytest.raises(DatabaseError, match="killswitchevent_moment_is_plausible"), transaction.atomic():
            execute(call, [at])
    assert queries.halts().engaged == ()


def test_a_further_reason_to_stop_makes_an_open_request_void(alice: Actor, bob: Actor) -> None:
    killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON)
    asked = killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=alice, at=NOON)
    killswitch.engage(scope=GOLD, reason="now for real", actor=BOT, at=NOON)
    with pytest.raises(killswitch.ReleaseVoid):
        killswitch.confirm_release(release_id=asked.id, actor=bob, at=NOON)
    assert queries.halts().engaged
    again = killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=alice, at=NOON)
    killswitch.confirm_release(release_id=again.id, actor=bob, at=NOON)
    with pytest.raises(killswitch.ReleaseVoid):
        killswitch.confirm_release(release_id=again.id, actor=bob, at=NOON)


def test_what_is_not_stopped_is_not_released_and_nobody_asks_twice(alice: Actor, bob: Actor) -> None:
    with pytest.raises(killswitch.NotHalted):
        killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=alice, at=NOON)
    with pytest.raises(killswitch.NotHalted):
        killswitch.release(scope=GOLD, reason="r", actor=COMMAND, at=NOON)
    killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON)
    killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=alice, at=NOON)
    with pytest.raises(killswitch.ReleaseAskedFor):
        killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=bob, at=NOON)
    with pytest.raises(killswitch.ReleaseVoid):
        killswitch.confirm_release(release_id=10**9, actor=bob, at=NOON)


def test_the_command_on_the_machine_releases_and_nobody_else_that_way(alice: Actor) -> None:
    killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON)
    for actor in (alice, BOT):
        with pytest.raises(killswitch.NotAtTheMachine):
            killswitch.release(scope=GOLD, reason="fixed", actor=actor, at=NOON)
    killswitch.release(scope=GOLD, reason="fixed", actor=COMMAND, at=NOON)
    assert queries.halts().engaged == ()
    assert killswitch.engage(scope=GOLD, reason="again", actor=alice, at=NOON).is_new


def test_a_receipt_stands_beside_its_halt(alice: Actor) -> None:
    halt = killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON).halt
    steps = [{"name": "gateway PAPER", "ms": 12, "ok": True, "closed": 2}]
    killswitch.add_receipt(halt, steps, actor=COMMAND, at=NOON)
    receipt = queries.last_receipt(GOLD)
    assert receipt is not None
    assert (receipt.epoch, receipt.receipt) == (halt.epoch, {"steps": steps})


# ── The walls ─────────────────────────────────────────────────────────────────────────────────────────────────────────
APP_ATTACKS = [
    "UPDATE approvals_killswitch SET state = 'SAFE', released_at = now()",
    "DELETE FROM approvals_killswitch",
    "INSERT INTO approvals_killswitch SELECT * FROM approvals_killswitch",
    "UPDATE approvals_haltepoch SET epoch = epoch + 1",
    "DELETE FROM approvals_haltepoch",
    "UPDATE approvals_killswitchevent SET reason = 'nicer'",
    "DELETE FROM approvals_killswitchevent",
    "INSERT INTO approvals_killswitchevent SELECT * FROM approvals_killswitchevent",
    "UPDATE approvals_haltrelease SET state = 'CONFIRMED', confirmed_by = 'x'",
    "TRUNCATE approvals_killswitch CASCADE",
    "ALTER TABLE approvals_killswitch DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "SELECT approvals.release(1, 'me', 'me', 'x', now(), '{}')",
    "SELECT approvals.engaged_halt('SYMBOL', 'XAUUSD.s')",
    "CREATE FUNCTION approvals.mine() RETURNS int LANGUAGE sql RETURN 1",
    "SET ROLE crs_owner",
]
OWNER_ATTACKS = [
    "UPDATE approvals_killswitch SET state = 'SAFE', released_at = now()",
    "UPDATE approvals_killswitch SET state = 'SAFE', released_at = now(), epoch = epoch + 1",
    "UPDATE approvals_killswitch SET positions = 'KEEP'",
    "UPDATE approvals_killswitch SET scope_id = 'EURUSD.s'",
    "UPDATE approvals_killswitch SET epoch = epoch + 1",
    "DELETE FROM approvals_killswitch",
    "UPDATE approvals_haltepoch SET epoch = epoch - 1",
    "UPDATE approvals_haltepoch SET epoch = epoch",
    "DELETE FROM approvals_haltepoch",
    "INSERT INTO approvals_haltepoch (id, epoch) VALUES (2, 0)",
    "UPDATE approvals_killswitchevent SET reason = 'nicer'",
    "DELETE FROM approvals_killswitchevent",
    "UPDATE approvals_haltrelease SET requested_by = 'person:bob'",
    "UPDATE approvals_haltrelease SET state = 'CONFIRMED', confirmed_by = requested_by",
    "DELETE FROM approvals_haltrelease",
]


@pytest.fixture
def stopped(transactional_db: None) -> None:
    """Commit a halt that closes positions and a request to release it, for raw logins to attack."""
    alice = make_person("alice", "operator")
    killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON, positions="CLOSE")
    killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=alice, at=NOON)


@pytest.mark.usefixtures("stopped")
def test_the_application_can_neither_write_a_halt_nor_free_one() -> None:
    for setting in ("", "SET search_path = pg_temp, public", "SET row_security = off"):
        with login("crs_app") as raw:
            if setting:
                raw.execute(setting)
            for attack in APP_ATTACKS:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    raw.execute(attack)
    assert queries.halts().engaged


@pytest.mark.usefixtures("stopped")
def test_even_the_owner_is_refused_what_no_halt_does() -> None:
    with login("crs_owner") as raw:
        guards = "{halt_moves,halt_epoch_grows,halt_events_append_only,halt_release_moves}"
        raw.execute("SELECT set_config('pgtrigger.ignore', %s, false)", [guards])
        for attack in OWNER_ATTACKS:
            with pytest.raises(psycopg.Error) as refused:
                raw.execute(attack)
            assert refused.value.sqlstate in {"CR101", "CR102", "CR003", "23514", "23505"}, attack
    assert queries.halts().engaged


FUNCTIONS = "FROM pg_proc WHERE pronamespace = 'approvals'::regnamespace"


def execute(query: str, parameters: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


@pytest.mark.usefixtures("db")
def test_the_application_calls_no_function_that_releases_by_itself() -> None:
    """What the definers share has no right of its own: called by anybody else it may not even begin."""
    callable_by_app = execute(f"SELECT proname {FUNCTIONS} AND has_function_privilege('crs_app', oid, 'EXECUTE')")
    assert {name for (name,) in callable_by_app} & {"release", "engaged_halt"} == set()
    inner = execute(f"SELECT prosecdef, proacl::text {FUNCTIONS} AND proname IN ('release', 'engaged_halt')")
    assert inner == [(False, "{crs_owner=X/crs_owner}")] * 2


@pytest.mark.usefixtures("db")
def test_a_database_with_older_functions_ends_with_the_same_ones() -> None:
    query = f"SELECT pg_get_functiondef(oid), proacl::text {FUNCTIONS} ORDER BY proname"
    fresh = execute(query)
    migration = import_module("approvals.migrations.0005_release_functions").Migration
    with connection.cursor() as cursor:
        for definition, _ in fresh:
            cursor.execute(definition.replace("standing := approvals.engaged_halt", "standing := approvals.of_old"))
        cursor.execute("DROP FUNCTION approvals.engaged_halt")
        assert execute(query) != fresh
        cursor.execute(migration.operations[0].sql)
    assert execute(query) == fresh


@pytest.mark.usefixtures("as_app")
def test_with_the_rights_of_the_application_a_halt_lives_its_whole_life(alice: Actor, bob: Actor) -> None:
    halt = killswitch.engage(scope=GOLD, reason="drill", actor=alice, at=NOON).halt
    killswitch.add_receipt(halt, [{"name": "gateway PAPER", "ms": 3, "ok": True}], actor=COMMAND, at=NOON)
    asked = killswitch.request_release(scope=GOLD, cause="c", remedy="r", actor=bob, at=NOON)
    with pytest.raises(killswitch.SamePerson):
        killswitch.confirm_release(release_id=asked.id, actor=bob, at=NOON)
    killswitch.confirm_release(release_id=asked.id, actor=make_person("sven", "security"), at=NOON)
    killswitch.engage(scope=GOLD, reason="again", actor=BOT, at=NOON)
    killswitch.release(scope=GOLD, reason="fixed", actor=COMMAND, at=NOON)
    assert modes.set_mode(scope=GOLD, mode="REDUCE_ONLY", reason="thin market", actor=COMMAND, at=NOON)
    assert queries.halts().engaged == ()
    assert actions() == ["ENGAGE", "RECEIPT", "REQUEST", "DENIED", "RELEASE", "ENGAGE", "RELEASE"]


@pytest.mark.usefixtures("stopped")
def test_the_application_engages_and_notes_through_the_functions_only() -> None:
    with login("crs_app") as raw:
        raw.execute("SELECT approvals.engage('GLOBAL', '', 'KEEP', 'x', '{}', 'machine:me', now())")
        for kind, scope_id in (("MOON", "1"), ("SYMBOL", "a b"), ("SYMBOL", ""), ("GLOBAL", "1")):
            with pytest.raises(psycopg.errors.CheckViolation):
                raw.execute("SELECT approvals.engage(%s, %s, 'KEEP', 'x', '{}', 'machine:me', now())", [kind, scope_id])
        with pytest.raises(psycopg.Error):
            raw.execute("SELECT approvals.note_halt('GLOBAL', '', 'RELEASE', 'me', '', NULL, NULL, now())")
        with pytest.raises(psycopg.Error):
            raw.execute("SELECT approvals.release_on_machine('GLOBAL', '', 'x', 'person:mallory', now())")
    assert len(queries.halts().engaged) == 2


# ── Over REST ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_key_stops_trading_and_reads_the_state(db: None) -> None:
    make_desk(code="DEMO")
    bot: Any = make_client(scopes=["kill:engage"])
    body = {"scope": "desk:demo", "reason": "orders run away", "positions": "KEEP"}
    first = bot.post("/api/v1/kill-switch/trigger", body)
    assert (first.status_code, first.json()["is_new"], first.json()["state"]) == (201, True, "ENGAGED")
    again = bot.post("/api/v1/kill-switch/trigger", {**body, "positions": "CLOSE"})
    assert (again.status_code, again.json()["is_new"], again.json()["positions"]) == (200, False, "CLOSE")
    state = bot.get("/api/v1/kill-switch").json()
    assert state["is_safe"] is False
    assert state["epoch"] == first.json()["epoch"]
    assert [row["scope"] for row in state["kill_switches"]] == ["DESK:demo"]
    assert bot.post("/api/v1/kill-switch/release", {}).status_code == 404


def test_a_key_of_one_desk_stops_that_desk_and_its_accounts_alone(db: None) -> None:
    mine, other = make_account(), make_account()
    bot: Any = make_client(scopes=["kill:engage"], desk=mine.desk)
    for scope, status in (
        (f"ACCOUNT:{mine.code}", 201),
        (f"DESK:{mine.desk.code}", 201),
        (f"ACCOUNT:{other.code}", 403),
        (f"DESK:{other.desk.code}", 403),
        ("ACCOUNT:NOPE", 403),  # the same answer: a key does not learn what other desks have
        ("DESK:NOPE", 403),
        ("VENUE:NOPE", 403),
        ("KEY:NOPE", 403),
        ("SYMBOL:XAUUSD.s", 403),
        ("GLOBAL", 403),
    ):
        answer = bot.post("/api/v1/kill-switch/trigger", {"scope": scope, "reason": "x"})
        assert (answer.status_code, scope) == (status, scope)
    assert len(queries.halts().engaged) == 2
    assert actions(GLOBAL) == ["DENIED"]


def test_a_key_sees_the_accounts_of_its_desk(db: None) -> None:
    mine, other = make_account(), make_account()
    narrow, wide = make_client(desk=mine.desk), make_client()
    codes = {row["code"] for row in narrow.get("/api/v1/accounts").json()["results"]}
    assert mine.code in codes
    assert other.code not in codes
    wide_codes = {row["code"] for row in wide.get("/api/v1/accounts").json()["results"]}
    assert wide_codes >= {mine.code, other.code}
    found = wide.get("/api/v1/accounts", query=f"desk={other.desk.code}&book=PAPER&is_open=true").json()["results"]
    assert {row["desk"] for row in found} == {other.desk.code}
    assert [row["kind"] for row in wide.get("/api/v1/venues", query="code=PAPER").json()["results"]] == ["PAPER"]


def test_the_epoch_stands_in_one_row(db: None) -> None:
    assert HaltEpoch.objects.count() == 1
    assert connection.vendor == "postgresql"
