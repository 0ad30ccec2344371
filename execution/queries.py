"""What was decided, what is at a venue, and what did it bring?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Model, Q, Sum

from approvals import queries as approvals_queries
from crs.kernel.lookup import row_ids, uuid_span
from execution.models import AccountCheck, AccountHistory, Fill, GatewayLatch, Intent, Order, Position
from execution.rules import facts
from execution.rules.bounds import EQUITY_AGE_MAX
from guardian import queries as guardian_queries
from guardian.models import Symbol
from guardian.rules import calendar
from ledger import queries as ledger_queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from django.db.models import QuerySet

    from approvals.models import Account
    from approvals.rules.scope import Scope
    from execution.rules.facts import Wish

Row = TypeVar("Row", bound=Model)

UUID_LENGTH = 36
# Magic numbers made from names lie above those that people choose for themselves, and within 32 bits.
MAGIC_FIRST, MAGIC_SPAN = 1_000_000_000, 1_000_000_000
EVER = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime(2200, 1, 1, tzinfo=UTC)  # the end of a window that has none
LOCK_GATE = 0x63727347  # "crsG": the class of advisory locks that let one intent of an account be decided at a time


def lock_account(account_id: int) -> None:
    """Wait until no other transaction decides, books or settles on this account; held until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_GATE, account_id % 2**31])


def intent_by_key(principal: str, key: str) -> Intent | None:
    """Return the intent that a principal has named so before."""
    return Intent.objects.filter(principal=principal, key=key).first()


def intents(desk_id: int | None = None) -> QuerySet[Intent]:
    """Return the intents of one desk or of all with their account and desk, newest first."""
    rows = Intent.objects.select_related("account", "desk").order_by("-decided_at", "-id")
    return rows if desk_id is None else rows.filter(desk_id=desk_id)


def orders(desk_id: int | None = None) -> QuerySet[Order]:
    """Return the orders of one desk or of all with their account and desk, newest first."""
    rows = Order.objects.select_related("account", "desk").order_by("-created_at", "-id")
    return rows if desk_id is None else rows.filter(desk_id=desk_id)


def fills(desk_id: int | None = None) -> QuerySet[Fill]:
    """Return the fills of one desk or of all with their account and desk, newest first."""
    rows = Fill.objects.select_related("account", "desk", "order").order_by("-booked_at", "-id")
    return rows if desk_id is None else rows.filter(desk_id=desk_id)


def find_intents(text: str, *, limit: int) -> list[Intent]:
    """Return the intent with this id, and those whose key begins so, by key."""
    every = Intent.objects.select_related("account")
    by_key = every.filter(key__startswith=text).order_by("key")[:limit]
    return _once(every.filter(id__in=row_ids(text))[:1].union(by_key, all=True), limit)


def find_orders(text: str, *, limit: int) -> list[Order]:
    """Return the order with this id, and those whose id on the wire or whose number at the venue begins so."""
    every = Order.objects.select_related("account")
    halves = [every.filter(venue_order__startswith=text).order_by("venue_order")[:limit]]
    if (span := uuid_span(text)) is not None:
        halves.append(every.filter(client_order_id__range=span).order_by("client_order_id")[:limit])
    return _once(every.filter(id__in=row_ids(text))[:1].union(*halves, all=True), limit)


def find_fills(text: str, *, limit: int) -> list[Fill]:
    """Return the fills whose deal number begins so, by that number."""
    return list(Fill.objects.select_related("account").filter(deal__startswith=text).order_by("deal")[:limit])


def _once(rows: Iterable[Row], limit: int) -> list[Row]:
    """Return rows that were found in several ways once each."""
    return list({row.pk: row for row in rows}.values())[:limit]


def open_positions(account_id: int, symbol: str | None = None) -> QuerySet[Position]:
    """Return our copies of the positions that are open on an account, oldest first."""
    rows = Position.objects.filter(~Q(lots=0), account_id=account_id).order_by("opened_at", "id")
    return rows if symbol is None else rows.filter(symbol=symbol)


def every_open_position() -> QuerySet[Position]:
    """Return the open positions of every account, with whose they are, by account and symbol."""
    rows = Position.objects.select_related("account__desk", "account__venue").exclude(lots=0)
    return rows.order_by("account", "symbol")


def lots_held() -> dict[tuple[int, str], int]:
    """Return the net lots that every account holds, in 10⁻⁸, by account and symbol."""
    sums = Position.objects.exclude(lots=0).values_list("account", "symbol").annotate(total=Sum("lots"))
    return {(account, symbol): int(total) for account, symbol, total in sums}


def every_in_flight() -> QuerySet[Order]:
    """Return the orders of every account that a venue may still do something with, oldest first."""
    return Order.objects.select_related("account__desk", "account__venue").filter(settled_at=None).order_by("id")


def unknown() -> QuerySet[Order]:
    """Return the orders whose outcome is not known, oldest first: the venue is being asked."""
    return Order.objects.select_related("account").filter(state="UNKNOWN", settled_at=None).order_by("id")


def in_flight(account_id: int) -> QuerySet[Order]:
    """Return the orders of an account that the venue may still do something with."""
    return Order.objects.filter(account_id=account_id, settled_at=None)


def orders_by_key(keys: Sequence[str]) -> QuerySet[Order]:
    """Return the orders with these idempotency keys; a text that is none of ours finds nothing."""
    return Order.objects.filter(client_order_id__in=[key for key in keys if len(key) == UUID_LENGTH])


def orders_by_venue_order(account_id: int, numbers: Collection[str]) -> QuerySet[Order]:
    """Return the orders of an account that the venue knows under these numbers of its own."""
    return Order.objects.filter(account_id=account_id, venue_order__in=numbers).exclude(venue_order="")


def magic_numbers(account_id: int) -> set[int]:
    """Return the magic numbers that our orders on an account carry."""
    rows = Order.objects.filter(~Q(magic=0), account_id=account_id)
    return set(rows.values_list("magic", flat=True).distinct())


def is_strategy(name: str) -> bool:
    """Return whether a strategy of this name, in any case, has ever proposed."""
    return Intent.objects.filter(strategy__iexact=name).exists()


def magic_of(strategy: str) -> int:
    """Return the number by which the venue knows a strategy's orders: the same for the same name, on every machine."""
    return int.from_bytes(hashlib.sha256(strategy.encode()).digest()[:4], "big") % MAGIC_SPAN + MAGIC_FIRST


def booked_deals(account_id: int, deals: Sequence[str]) -> set[str]:
    """Return which of these deals have a fill."""
    return set(Fill.objects.filter(account_id=account_id, deal__in=deals).values_list("deal", flat=True))


def expired_new(at: datetime) -> list[int]:
    """Return the orders whose permit ran out before anybody sent them."""
    return list(Order.objects.filter(state="NEW", settled_at=None, expires_at__lte=at).values_list("id", flat=True))


def unanswered(before: datetime) -> list[int]:
    """Return the orders sent before `before` whose carrier never wrote down what the venue said."""
    rows = Order.objects.filter(state="SENT", settled_at=None, venue_order="", sent_at__lt=before)
    return list(rows.values_list("id", flat=True))


def to_send() -> list[int]:
    """Return the orders that wait for a worker to send them, oldest first."""
    rows = Order.objects.filter(state="NEW", settled_at=None, carrier="TASK").order_by("id")
    return list(rows.values_list("id", flat=True))


def to_ask(*, unknown_since: datetime, resting_since: datetime) -> QuerySet[Order]:
    """Return the orders to ask about: unknown ones and those resting at the venue that were not asked about since."""
    unknown = Q(state="UNKNOWN") & (Q(asked_at=None) | Q(asked_at__lte=unknown_since))
    at_rest = Q(state__in=("SENT", "PARTIAL"), asked_at__lte=resting_since) & ~Q(venue_order="")
    return Order.objects.select_related("account").filter(unknown | at_rest, settled_at=None).order_by("id")


# ── Venues ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Target:
    """A part of a gateway that a halt covers: all its accounts or one, all symbols or one, all orders or some."""

    name: str
    account_id: str = ""
    symbol: str | None = None
    magic_numbers: tuple[int, ...] = ()


def gateway_id() -> str:
    """Return the name of the gateway that this installation speaks to."""
    return str(settings.GATEWAY_ID)


def venue_accounts() -> QuerySet[Account]:
    """Return the open accounts that a gateway serves, by code."""
    return approvals_queries.open_accounts().exclude(venue__kind="HOUSE").exclude(login="")


def served_accounts() -> QuerySet[Account]:
    """Return the accounts that a gateway serves or served, closed ones too, by code."""
    return approvals_queries.accounts().exclude(venue__kind="HOUSE").exclude(login="")


def targets(scope: Scope) -> list[Target]:
    """Return what the gateways must be told about a halt of `scope`; a KEY or a CHAIN is known to our gate alone."""
    gateway = gateway_id()
    if scope.kind in ("GLOBAL", "VENUE"):
        return [Target(gateway)]
    if scope.kind == "SYMBOL":
        names = Symbol.objects.filter(symbol__iexact=scope.id).values_list("venue_symbol", flat=True).distinct()
        return [Target(f"{gateway} {name}", symbol=name) for name in sorted(names)]
    accounts = venue_accounts()
    if scope.kind == "ACCOUNT":
        accounts = accounts.filter(code__iexact=scope.id)
    elif scope.kind == "DESK":
        accounts = accounts.filter(desk__code__iexact=scope.id)
    elif scope.kind != "STRATEGY":
        return []
    found = []
    for row in accounts:
        numbers: tuple[int, ...] = ()
        if scope.kind == "STRATEGY" and not (numbers := _strategy_numbers(row.id, scope.id)):
            continue
        found.append(Target(f"{gateway} {row.code}", account_id=row.login, magic_numbers=numbers))
    return found


def _strategy_numbers(account_id: int, strategy: str) -> tuple[int, ...]:
    rows = Order.objects.filter(~Q(magic=0), account_id=account_id, strategy__iexact=strategy)
    return tuple(sorted(set(rows.values_list("magic", flat=True))))


def latches(gateway: str) -> dict[str, GatewayLatch]:
    """Return what a gateway was told last, by scope."""
    return {row.scope: row for row in GatewayLatch.objects.filter(gateway_id=gateway)}


def history_start(account_id: int) -> datetime:
    """Return from when on, by the venue clock, the venue's history has to be read: a second before what we have."""
    row = AccountHistory.objects.filter(account_id=account_id).first()
    return EVER if row is None else row.complete_through - timedelta(seconds=1)


def is_closing(account_id: int, position_id: str) -> bool:
    """Return whether an order in flight is closing this position already."""
    return Order.objects.filter(account_id=account_id, position_id=position_id, settled_at=None).exists()


def resting(account_id: int) -> QuerySet[Order]:
    """Return the orders of an account that wait at the venue."""
    rows = Order.objects.filter(account_id=account_id, settled_at=None, state="SENT").exclude(venue_order="")
    return rows.select_related("account")


# ── Facts of the gate ─────────────────────────────────────────────────────────────────────────────────────────────────
def trading_facts(
    account: Account, wish: Wish, *, since: datetime
) -> tuple[facts.Orders, facts.Position, facts.Identity | None]:
    """Return our orders and position on the symbol, and who the gateway said the account is: one statement.

    `orders.same` counts orders like the wish on their way to the venue, or allowed `since`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            TRADING_FACTS,
            {
                "account": account.id,
                "symbol": wish.symbol,
                "strategy": wish.strategy,
                "side": wish.side,
                "quantity": wish.quantity,
                "order_type": wish.order_type,
                "limit_price": wish.limit_price,
                "since": since,
            },
        )
        row = cursor.fetchone()
    unknown, same, reducing, recent, lots, actual, checked_at = row
    orders = facts.Orders(unknown=unknown, same=max(same, recent), reducing=int(reducing))
    position = facts.Position(lots=int(lots), is_netting=account.margin_mode == "NETTING")
    if actual is None:
        return orders, position, None
    expected = expected_identity(account)
    return orders, position, facts.Identity(expected=expected, actual=actual, checked_at=checked_at)


# Asked at every order: one round trip instead of four. A resting order has the venue's number, one on its way none.
TRADING_FACTS = """
    WITH ours AS (
        SELECT * FROM execution_order WHERE account_id = %(account)s AND symbol = %(symbol)s AND settled_at IS NULL
    ), alike AS (SELECT %(limit_price)s::numeric AS limit_price)
    SELECT
        (SELECT count(*) FROM ours WHERE state = 'UNKNOWN'),
        (SELECT count(*) FROM ours, alike WHERE strategy = %(strategy)s AND side = %(side)s AND quantity = %(quantity)s
            AND order_type = %(order_type)s AND ours.limit_price IS NOT DISTINCT FROM alike.limit_price
            AND NOT reduce_only AND state IN ('NEW', 'SENT') AND venue_order = ''),
        (SELECT coalesce(sum(quantity - filled), 0) FROM ours WHERE side = %(side)s),
        (SELECT count(*) FROM execution_intent i, alike WHERE account_id = %(account)s AND symbol = %(symbol)s
            AND decided_at > %(since)s AND strategy = %(strategy)s AND side = %(side)s AND quantity = %(quantity)s
            AND order_type = %(order_type)s AND i.limit_price IS NOT DISTINCT FROM alike.limit_price
            AND NOT reduce_only AND result = 'ALLOWED'),
        (SELECT coalesce(sum(lots), 0) FROM execution_position
            WHERE account_id = %(account)s AND symbol = %(symbol)s AND lots <> 0),
        (SELECT actual FROM execution_accountcheck WHERE account_id = %(account)s),
        (SELECT checked_at FROM execution_accountcheck WHERE account_id = %(account)s)
"""


def identity_facts(account: Account) -> facts.Identity | None:
    """Return who the gateway said the account is, None if it was never asked."""
    check = AccountCheck.objects.filter(account=account).first()
    if check is None:
        return None
    return facts.Identity(expected=expected_identity(account), actual=check.actual, checked_at=check.checked_at)


def expected_identity(account: Account) -> str:
    """Return who an account is, as one text: login, server, trade mode, margin mode, currency."""
    return f"{account.login} {account.server} {account.trade_mode} {account.margin_mode} {account.currency}"


def loss_facts(account: Account, *, at: datetime) -> facts.Loss | None:
    """Return the running session's loss figures: its limit and the last NAV mark; None without a limit or fresh mark.

    Flows count from the mark at which the limit was set; an account that had none yet was opened for its session, and
    what was deposited by then is the opening equity.
    """
    limit, mark = approvals_queries.loss_limit(account.id), ledger_queries.last_nav(account.id)
    if limit is None or mark is None or at - mark.at > EQUITY_AGE_MAX:
        return None
    first = ledger_queries.nav_history(account.id, end=limit.set_at).last()
    flows_before = first.flows if first else limit.opening_equity_units
    return facts.Loss(
        limit=limit.limit_units,
        opening_equity=limit.opening_equity_units,
        flows=mark.flows - flows_before,
        equity=mark.nav,
    )


def symbol_row(account_id: int, name: str) -> Symbol | None:
    """Return the row of the symbol map, None if the account has no such symbol."""
    try:
        return guardian_queries.symbol(account_id, name)
    except Symbol.DoesNotExist:
        return None


def symbol_facts(row: Symbol | None, *, currency: str) -> facts.SymbolTerms | None:
    """Return the venue's terms. A symbol quoted in another currency than the account's has no mark, hence no rate."""
    if row is None:
        return None
    return facts.SymbolTerms(
        is_active=row.is_active,
        point=row.point,
        contract_size=row.contract_size,
        volume_min=row.volume_min,
        volume_step=row.volume_step,
        volume_max=row.volume_max,
        stops_level=row.stops_level,
        quote_rate=facts.PAR if row.quote_asset == currency else None,
    )


def tick_facts(row: Symbol | None) -> facts.Tick | None:
    """Return the last tick that the listener has written down."""
    if row is None or row.bid is None or row.ask is None or row.received_at is None:
        return None
    return facts.Tick(bid=row.bid, ask=row.ask, received_at=row.received_at)


def market_facts(row: Symbol | None, venue_at: datetime | None) -> facts.Market | None:
    """Return whether the symbol's session is open at `venue_at`, None if sessions or time are not known."""
    if row is None or venue_at is None:
        return None
    try:
        is_open = calendar.is_open(row.sessions, venue_at)
    except (KeyError, ValueError, TypeError):
        return None
    return facts.Market(is_open=is_open, venue_at=venue_at)


def account(code: str) -> Account | None:
    """Return the venue account with this code, None if there is none or it is closed or the desk's own house."""
    return approvals_queries.open_accounts().filter(code=code).exclude(venue__kind="HOUSE").first()
