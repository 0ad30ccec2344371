"""What can somebody with a database login do to the book? Nothing that its guards do not allow, under any setting.

As `crs_app` by real logins, where becoming somebody else is tried too; as `crs_owner`, who may insert by hand, on the
test's own connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from approvals.models import AuditEvent
from crs.kernel import evidence
from ledger import queries
from ledger.models import Balance, Journal, Kind
from ledger.operations import posting
from ledger.rules.posting import NotClosed
from tests.support.cast import ALICE
from tests.support.factories import make_account, make_chart, make_entry
from tests.support.logins import login

if TYPE_CHECKING:
    from ledger.rules.chart import Chart

pytestmark = pytest.mark.django_db

TRIGGERS = "{ledger_posting:journal_stands,ledger_journal:journal_closed,ledger_posting:posting_append_only,all}"
# Everything a connection may set for itself that could change what a statement means or whether a guard runs.
SETTINGS = [
    "search_path = ''",
    "search_path = 'pg_temp, pg_catalog, ledger, public'",
    f"pgtrigger.ignore = '{TRIGGERS}'",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_deferrable = on",
    "default_transaction_read_only = off",
    "check_function_bodies = off",
    "row_security = off",
    "plan_cache_mode = 'force_custom_plan'",
    "enable_indexscan = off",
    "jit = on",
    "TimeZone = 'Asia/Kathmandu'",
    "DateStyle = 'German'",
    "bytea_output = 'escape'",
    "extra_float_digits = -15",
    "standard_conforming_strings = off",
    "transform_null_equals = on",
    "xmloption = 'document'",
]


@pytest.fixture
def chart() -> Chart:
    opened = make_chart()
    queries.asset("USD")  # read now: under some of the settings Django's own statements find nothing
    return opened


@pytest.fixture(params=[None, *SETTINGS], ids=lambda setting: setting or "default")
def setting(chart: Chart, request: pytest.FixtureRequest) -> None:
    """One setting of the connection, for the time of the test's transaction."""
    if request.param:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL {request.param}")


def execute(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


@transaction.atomic
def together(*statements: tuple[Any, ...]) -> None:
    for statement in statements:
        execute(*statement)


def refused(code: str, *statements: tuple[Any, ...]) -> None:
    """The statements together, with what was deferred, are refused with this SQLSTATE."""
    with pytest.raises(DatabaseError) as caught:
        together(*statements, ("SET CONSTRAINTS ALL IMMEDIATE",))
    assert isinstance(caught.value.__cause__, psycopg.Error)
    assert caught.value.__cause__.sqlstate == code


JOURNAL = (
    "INSERT INTO public.ledger_journal (id, key, desk_id, account_id, kind, book, occurred_at, legs)"
    " VALUES (900000 + %s, %s, %s, %s, 'ADJUSTMENT', 'PAPER', '2026-11-20 12:00Z', %s)"
)
LEGS = (
    "INSERT INTO public.ledger_posting (journal_id, leg, account_id, asset_id, units, occurred_at)"
    " SELECT 900000 + %s, leg, account, %s, units, '2026-11-20 12:00Z'"
    " FROM unnest(%s::int[], %s::bigint[], %s::numeric[]) AS t (leg, account, units)"
)


def journal(chart: Chart, number: int = 1, legs: int = 2) -> tuple[Any, ...]:
    return JOURNAL, number, f"raw-{number}", chart.desk_id, chart.account_id, legs


def legs(chart: Chart, *units: int, first: int = 1, number: int = 1) -> tuple[Any, ...]:
    accounts = [chart.suspense if place % 2 else chart.equity for place in range(len(units))]
    return LEGS, number, queries.asset("USD").id, list(range(first, first + len(units))), accounts, list(units)


def deposit(chart: Chart) -> int:
    return posting.post(make_entry(chart, [(chart.suspense, "USD", 5), (chart.equity, "USD", -5)]), actor=ALICE).id


def test_unbalanced_legs_are_refused(chart: Chart, setting: None) -> None:
    refused("CR001", journal(chart), legs(chart, 5, -4))


def test_one_sided_and_not_a_number_are_refused(chart: Chart) -> None:
    refused("CR001", journal(chart), legs(chart, 5))
    nan = (LEGS, 1, queries.asset("USD").id, [1, 2], [chart.suspense, chart.equity], ["NaN", "NaN"])
    refused("CR001", journal(chart), nan)


def test_a_journal_without_legs_is_refused(chart: Chart, setting: None) -> None:
    refused("CR002", journal(chart))


def test_a_journal_with_fewer_or_more_legs_than_it_says_is_refused(chart: Chart, setting: None) -> None:
    refused("CR002", journal(chart, legs=4), legs(chart, 5, -5))
    refused("CR002", journal(chart, legs=2), legs(chart, 5, -5, 5, -5))
    refused("CR002", journal(chart, legs=1), legs(chart, 5, -5))
    refused("CR002", journal(chart, legs=4), legs(chart, 5, -5), legs(chart, 5, -5, first=3))


def test_a_balanced_pair_that_comes_later_is_refused(chart: Chart, setting: None) -> None:
    number = deposit(chart) - 900_000
    refused("CR002", legs(chart, 7, -7, first=3, number=number))


POST = (
    "SELECT ledger.post(%s::text, %s::bigint, %s::bigint, 'ADJUSTMENT', 'PAPER', %s::timestamptz, '',"
    " %s::bigint[], %s::int[], %s::numeric[], 'machine:mallory')"
)
POST_MANY = (
    "SELECT ledger.post_many(%s::text[], %s::bigint[], %s::bigint[], '{ADJUSTMENT}', '{PAPER}', %s::timestamptz[],"
    " '{x}', '{NULL}', %s::int[], %s::int[], %s::bigint[], %s::int[], %s::numeric[], 'machine:mallory')"
)
NOON = "2026-11-20 12:00Z"


def posted(chart: Chart, *units: str, at: str = NOON) -> tuple[Any, ...]:
    """A call of the function that posts, past our own code."""
    accounts = [chart.suspense if place % 2 else chart.equity for place in range(len(units))]
    usd = [queries.asset("USD").id] * len(units)
    return POST, "raw", chart.desk_id, chart.account_id, at, accounts, usd, list(units)


def posted_many(chart: Chart, *units: str, at: str = NOON, owner: int = 1) -> tuple[Any, ...]:
    """The same in a batch of one; `owner` is the place of the journal that the legs name."""
    _, _, desk, account, _, accounts, usd, _ = posted(chart, *units)
    owners, numbers = [owner] * len(units), list(range(1, len(units) + 1))
    return POST_MANY, ["raw"], [desk], [account], [at], owners, numbers, accounts, usd, list(units)


@pytest.mark.parametrize("units", [("0.5", "-0.5"), ("1.5", "-1.5"), ("1.4", "1.4", "-2"), ("1.4", "-0.6", "-0.8")])
@pytest.mark.parametrize("post", [posted, posted_many])
def test_units_that_are_no_whole_number_are_refused_before_they_are_rounded(
    chart: Chart, setting: None, post: Any, units: tuple[str, ...]
) -> None:
    """NUMERIC(78, 0) rounds on the way in: 1.4 + 1.4 − 2 would stand as a balanced journal that nobody wrote."""
    refused("CR011", post(chart, *units))


@pytest.mark.parametrize("post", [posted, posted_many])
def test_units_that_are_no_number_are_refused(chart: Chart, post: Any) -> None:
    refused("CR001", post(chart, "NaN", "NaN"))
    refused("22003", post(chart, "Infinity", "-Infinity"))


@pytest.mark.parametrize(
    "at", ["infinity", "-infinity", "4000-01-01 BC", "1969-12-31 23:59:59Z", "2200-01-01Z", "20000-01-01Z"]
)
@pytest.mark.parametrize("post", [posted, posted_many])
def test_a_journal_happened_at_a_moment_that_every_reader_can_print(
    chart: Chart, setting: None, post: Any, at: str
) -> None:
    refused("CR010", post(chart, "5", "-5", at=at))


def test_a_journal_by_hand_happened_then_too(chart: Chart, setting: None) -> None:
    raw = journal(chart)
    always = (raw[0].replace("'2026-11-20 12:00Z'", "'infinity'"), *raw[1:])
    given = legs(chart, 5, -5)
    refused("CR010", always, (given[0].replace("'2026-11-20 12:00Z'", "'infinity'"), *given[1:]))


@pytest.mark.parametrize("owner", [0, 2])
def test_a_leg_of_no_journal_of_its_batch_is_refused(chart: Chart, owner: int) -> None:
    refused("CR002", posted_many(chart, "5", "-5", owner=owner))


def test_postings_of_no_journal_are_refused(chart: Chart) -> None:
    refused("CR002", legs(chart, 5, -5))


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        ("UPDATE public.ledger_posting SET units = units * 2", "CR003"),
        ("UPDATE public.ledger_posting SET account_id = account_id", "CR003"),
        ("DELETE FROM public.ledger_posting", "CR003"),
        ("UPDATE public.ledger_journal SET memo = 'other'", "CR003"),
        ("DELETE FROM public.ledger_journal", "CR003"),
        ("UPDATE public.ledger_asset SET decimals = 2", "CR003"),
        ("DELETE FROM public.ledger_asset", "CR003"),
        ("UPDATE public.ledger_ledgeraccount SET book = 'LIVE'", "CR003"),
        ("DELETE FROM public.ledger_ledgeraccount", "CR003"),
        ("UPDATE public.ledger_balance SET units = 0", "CR008"),
        ("DELETE FROM public.ledger_balance", "CR008"),
        ("INSERT INTO public.ledger_balance SELECT account_id, asset_id, 1 FROM public.ledger_balance", "CR008"),
        (
            "MERGE INTO public.ledger_balance AS b USING (SELECT 1) ON true WHEN MATCHED THEN UPDATE SET units = 0",
            "CR008",
        ),
        (
            "WITH moved AS (UPDATE public.ledger_balance SET units = 0 RETURNING 1) SELECT count(*) FROM moved",
            "CR008",
        ),
    ],
)
def test_what_stands_is_never_changed(chart: Chart, setting: None, attack: str, code: str) -> None:
    deposit(chart)
    refused(code, (attack,))


def test_a_complete_journal_by_hand_moves_its_balances_and_leaves_its_leaf(chart: Chart, setting: None) -> None:
    execute(*journal(chart))
    execute(*legs(chart, 5, -5))
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("SET DateStyle TO DEFAULT; SET TimeZone TO 'UTC'; SET bytea_output TO DEFAULT; SET search_path TO DEFAULT")
    usd = queries.asset("USD").id
    held = {row.account_id: row.units for row in Balance.objects.filter(asset_id=usd)}
    assert held == {chart.equity: 5, chart.suspense: -5}
    row = Journal.objects.get(id=900_001)
    assert row.actor == "role:crs_owner"
    event = AuditEvent.objects.get(subject_kind="ledger.journal", subject_id="900001")
    told = {
        "account": chart.account_id, "action": "ledger.journal.posted", "actor": "role:crs_owner", "book": "PAPER",
        "desk": chart.desk_id, "journal": 900_001, "key": "raw-1", "kind": "ADJUSTMENT",
        "legs": [[chart.equity, usd, "5"], [chart.suspense, usd, "-5"]], "memo": "", "occurred_at": row.occurred_at,
        "recorded_at": row.recorded_at, "reverses": None, "role": "crs_owner",
    }  # fmt: skip
    assert bytes(event.body) == evidence.canonical(told)
    assert event.leaf == evidence.leaf(bytes(event.body))


@pytest.mark.parametrize(
    "column",
    [
        "recorded_at = now() - interval '1 second'",
        "recorded_at = clock_timestamp() + interval '1 hour'",
        "kind = 'GIFT'",
        "kind = 'REVERSAL'",
        "key = ''",
        "actor = 'somebody'",
        "legs = 1",
    ],
)
def test_a_journal_by_hand_is_one_of_ours_or_none(chart: Chart, column: str) -> None:
    name, value = column.split(" = ")
    told = {"key": "'raw'", "kind": "'ADJUSTMENT'", "legs": "2", name: value}
    insert = (
        f"INSERT INTO public.ledger_journal (id, desk_id, account_id, book, occurred_at, {', '.join(told)})"
        f" VALUES (900001, %s, %s, 'PAPER', '2026-11-20 12:00Z', {', '.join(told.values())})"
    )
    refused("CR002", (insert, chart.desk_id, chart.account_id), legs(chart, 5, -5))


def test_a_journal_by_hand_stays_in_its_book_and_on_its_desk(chart: Chart) -> None:
    other = make_chart(account=make_account())
    refused("CR006", journal(chart), (LEGS, 1, queries.asset("USD").id, [1, 2], [chart.equity, other.equity], [5, -5]))
    refused("CR005", (JOURNAL, 1, "raw", chart.desk_id, other.account_id, 2), legs(chart, 5, -5))
    refused(
        "CR005",
        (JOURNAL.replace("'PAPER'", "'LIVE'"), 1, "raw", chart.desk_id, chart.account_id, 2),
        legs(chart, 5, -5),
    )


def test_a_refusal_under_constraints_made_immediate_changes_nothing(chart: Chart) -> None:
    """Whoever asks for constraints at once asks for the legs before they can be there: refused, all is as before."""

    @transaction.atomic
    def post_at_once() -> None:
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        deposit(chart)

    with pytest.raises(NotClosed):
        post_at_once()
    assert not Journal.objects.exists()
    deposit(chart)


def test_tables_of_the_owners_own_in_front_of_ours_are_passed_by(chart: Chart) -> None:
    for table in ("ledger_journal", "ledger_posting", "ledger_balance", "approvals_auditevent", "ledger_ledgeraccount"):
        execute(f"CREATE TEMPORARY TABLE {table} (LIKE public.{table}) ON COMMIT DROP")
    execute("SET LOCAL search_path = pg_temp, public")
    number = deposit(chart)
    execute("SET LOCAL search_path = public, pg_temp")
    assert execute("SELECT count(*) FROM public.ledger_posting WHERE journal_id = %s", number) == [(2,)]
    assert execute("SELECT count(*) FROM pg_temp.ledger_posting") == [(0,)]


# ── As the application ────────────────────────────────────────────────────────────────────────────────────────────────
ATTACKS_APP = [
    ("INSERT INTO public.ledger_journal (key, desk_id, account_id, kind, book, occurred_at, legs)"
    " VALUES ('k', 1, 1, 'TRADE', 'PAPER', now(), 2)"),
    ("INSERT INTO public.ledger_posting (journal_id, leg, account_id, asset_id, units, occurred_at)"
     " VALUES (1, 1, 1, 1, 1, now())"),
    "INSERT INTO public.ledger_balance (account_id, asset_id, units) VALUES (1, 1, 1)",
    "COPY public.ledger_posting FROM STDIN",
    *[
        f"{verb} public.ledger_{table}{rest}"
        for table, column in (("journal", "memo = ''"), ("posting", "units = 1"), ("balance", "units = 1"))
        for verb, rest in (("UPDATE", f" SET {column}"), ("DELETE FROM", ""), ("TRUNCATE", ""), ("DROP TABLE", ""))
    ],
    "UPDATE public.ledger_asset SET decimals = 2",
    "DELETE FROM public.ledger_ledgeraccount",
    "ALTER TABLE public.ledger_posting DISABLE TRIGGER ALL",
    "ALTER TABLE public.ledger_posting DISABLE TRIGGER journal_stands",
    "ALTER TABLE public.ledger_balance DISABLE TRIGGER USER",
    "DROP TRIGGER journal_stands ON public.ledger_posting",
    "CREATE TRIGGER mine AFTER INSERT ON public.ledger_asset FOR EACH ROW EXECUTE FUNCTION ledger.account_fixed()",
    "ALTER FUNCTION ledger.post OWNER TO crs_app",
    "DROP FUNCTION ledger.journal_stands() CASCADE",
    "CREATE FUNCTION ledger.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE OPERATOR public.<> (LEFTARG = numeric, RIGHTARG = int, FUNCTION = numeric_eq)",
    "CREATE SCHEMA mine",
    "CREATE TEMPORARY TABLE ledger_journal (id int)",
    "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql RETURN $1",
    "SELECT ledger.journal_refused(1)",
    "SELECT nextval('public.ledger_journal_id_seq')",
    "SELECT setval('public.ledger_journal_id_seq', 1)",
    "SET session_replication_role = replica",
    "SET LOCAL session_replication_role = replica",
    "SELECT set_config('session_replication_role', 'replica', false)",
    "ALTER ROLE crs_app SET session_replication_role = replica",
    "SET ROLE crs_owner",
    "SET SESSION AUTHORIZATION crs_owner",
    "GRANT crs_owner TO crs_app",
    "ALTER ROLE crs_app SUPERUSER",
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS_APP)
def test_the_application_role_can_only_read_and_post(attack: str) -> None:
    with login("crs_app") as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(attack)


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_gives_the_application_more(setting: str) -> None:
    with login("crs_app") as app:
        app.execute(f"SET {setting}")
        for attack in ATTACKS_APP:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(attack)


def test_whoever_resets_his_role_is_still_the_application() -> None:
    with login("crs_app") as app:
        for statement in ("RESET ROLE", "RESET SESSION AUTHORIZATION", "RESET ALL", "DISCARD ALL"):
            app.execute(statement)
        assert app.execute("SELECT current_user, session_user").fetchone() == ("crs_app", "crs_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("DELETE FROM public.ledger_posting")


def test_whoever_grants_himself_a_right_has_it_not() -> None:
    """PostgreSQL only warns that nothing was granted."""
    with login("crs_app") as app:
        app.execute("GRANT ALL ON public.ledger_posting TO crs_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(ATTACKS_APP[1])


def test_nobody_posts_as_a_role() -> None:
    with login("crs_app") as app, pytest.raises(psycopg.DatabaseError, match="person, a key or a machine"):
        app.execute(
            "SELECT ledger.post('k', 1, 1, 'TRADE', 'PAPER', now(), '', '{1,2}', '{1,1}', '{1,-1}', 'role:crs_owner')"
        )


def test_every_setting_lets_an_honest_journal_pass(as_app: None, chart: Chart, setting: None) -> None:
    number = deposit(chart)
    assert execute("SELECT count(*) FROM public.ledger_posting WHERE journal_id = %s", number) == [(2,)]


# ── Counted, not claimed ──────────────────────────────────────────────────────────────────────────────────────────────
def test_every_table_of_the_book_has_its_guards() -> None:
    """A new table of the ledger must say here what guards it; an old guard that is lost is found."""
    rows = execute(
        "SELECT relname, array_agg(tgname ORDER BY tgname) FILTER (WHERE NOT tgisinternal) FROM pg_class"
        " LEFT JOIN pg_trigger ON tgrelid = pg_class.oid AND tgenabled = 'O'"
        " WHERE relname LIKE 'ledger\\_%%' AND relkind IN ('r', 'p') GROUP BY relname"
    )
    assert dict(rows) == {
        "ledger_asset": ["asset_fixed"],
        "ledger_balance": ["balance_guarded"],
        "ledger_break": None,  # opens and closes
        "ledger_deal": ["deal_append_only"],
        "ledger_journal": ["journal_append_only", "journal_closed"],
        "ledger_ledgeraccount": ["account_fixed"],
        "ledger_navmark": ["navmark_append_only"],
        "ledger_posting": ["journal_stands", "posting_append_only", "posting_moves_balance"],
        "ledger_reconciliation": None,  # a note of what was compared; the evidence has it too
    }


def test_the_application_may_write_the_book_through_two_functions_only() -> None:
    rows = execute(
        "SELECT proname FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace"
        " WHERE nspname = 'ledger' AND has_function_privilege('crs_app', pg_proc.oid, 'EXECUTE') ORDER BY 1"
    )
    assert [name for (name,) in rows] == ["post", "post_many"]
    writable = execute(
        "SELECT relname FROM pg_class WHERE relname IN ('ledger_journal', 'ledger_posting', 'ledger_balance',"
        " 'approvals_auditevent') AND (has_table_privilege('crs_app', oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')"
        " OR NOT has_table_privilege('crs_app', oid, 'SELECT'))"
    )
    assert writable == []


def test_definers_name_everything_with_its_schema() -> None:
    """A definer function runs with whatever search path its caller has: an unqualified table would be his choice."""
    bodies = execute(
        "SELECT proname, prosrc FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace"
        " WHERE nspname IN ('ledger', 'approvals') AND prosecdef"
    )
    assert {"post", "post_many", "record"} <= {name for name, _ in bodies}
    tables = [
        name
        for (name,) in execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(ledger|approvals)_'")
    ]
    for name, body in bodies:
        for table in tables:
            assert body.count(table) == body.count(f"public.{table}"), f"{name} names {table} without its schema"


def test_the_database_and_the_code_know_the_same_kinds() -> None:
    [(body,)] = execute("SELECT prosrc FROM pg_proc WHERE proname = 'journal_stands'")
    assert body.count("{" + ",".join(Kind.values) + "}") == 2
