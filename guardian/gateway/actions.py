"""What does each action do to the venue? One function per action of the protocol: request in, `data` of the answer out.

A function refuses by raising `Refused` before it changes anything. What it changed is taken out of the books by the
server, which puts it on disk before the answer leaves.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from guardian.gateway import wire
from guardian.gateway.codes import Refused
from guardian.gateway.faults import fault
from guardian.gateway.payloads import moment_of
from guardian.gateway.protocol import VERSION
from guardian.gateway.replay import SYNTHETIC
from guardian.gateway.rows import DONE, DONE_PARTIAL, MARKET_CLOSED, OFF_QUOTES, SIDES, WHOLE, Order, Split
from guardian.gateway.symbols import SYMBOLS
from guardian.gateway.venue import PROGRAM, SERVER, Latch, Now, Running, Venue, receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    from guardian.gateway.protocol import Request

HISTORY_WINDOW_US: Final = 3_600 * 1_000_000
DEAD_FEED_BARS: Final = 2  # no tick for so many bars of its own file, in an open market: nothing to trade against


def ping(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Say who we are; with an account also whose login this is."""
    data: dict[str, Any] = {
        "time": moment_of(now.wall_ms * 1_000), "server_time": moment_of(now.wall_ms * 1_000), "protocol": VERSION,
        "program": PROGRAM, "is_paper": True, "connected": True, "gateway_id": venue.gateway_id,
        "server": SERVER, "epoch": venue.epoch, "counters": dict(venue.counters),
    }  # fmt: skip
    if request.account_id:
        running = venue.account(request.account_id)
        data |= identity(running) | {"server_time": moment_of(running.venue_time(now))}
    return data


def identity(running: Running) -> dict[str, Any]:
    """What makes an account this account and no other."""
    return {
        "login": str(running.book.login), "server": SERVER, "trade_mode": "DEMO",
        "margin_mode": running.book.margin_mode, "currency": running.terms["currency"],
        "is_closed": running.is_closed,
    }  # fmt: skip


def symbol_info(venue: Venue, request: Request, _now: Now) -> dict[str, Any]:
    """Return the terms of a symbol, and whether its path is invented."""
    running, name = venue.account(request.account_id), request.payload["symbol"]
    _refuse_unknown_symbol(running, name)
    source = running.terms["sources"][name]
    return SYMBOLS[name].info(is_synthetic=source == SYNTHETIC, source=source)


# ── Orders ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def order_open(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Open a position or place a pending order; refused under a halt, with an old epoch, in a closed market."""
    running, wish = _open_account(venue, request), request.payload
    _refuse_unknown_symbol(running, wish["symbol"])
    if not running.book.reduces(wish["symbol"], SIDES[wish["type"]], wish["volume"]):
        if latch := venue.is_halted(running.book.login, wish["symbol"], wish["magic"]):
            raise Refused("KILL_SWITCH_ENGAGED", f"halted: {latch.scope}", data={"epoch": venue.epoch})
        if request.kill_epoch < venue.epoch:
            raise Refused("STALE_EPOCH", "decided under an older epoch", data={"epoch": venue.epoch})
        _refuse_dead_feed(running, wish["symbol"], now)
    _refuse_closed_market(wish["symbol"], running, now)
    if row := running.faults.strike("REJECT", request.action):
        raise Refused(row.code, "refused on request", retcode=row.retcode)
    order = running.book.open(
        wish, key=request.idempotency_key, quotes=running.quotes, at=running.venue_time(now),
        split=_split(running, request.action),
    )  # fmt: skip
    running.is_live = True  # from this moment on every tick counts, whoever listens
    venue.counters["orders_executed"] += 1
    return _executed(running, order)


def order_close(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Close a position, whole or in part; no halt and no epoch stands in its way."""
    running, wish = _open_account(venue, request), request.payload
    position = running.book.positions.get(wish["position_id"])
    if position is None:
        raise Refused("MT5_CLOSE_FAILED", "no such position", retcode=10_036)
    _refuse_closed_market(position.symbol, running, now)
    if row := running.faults.strike("REJECT", request.action):
        raise Refused(row.code, "refused on request", retcode=row.retcode)
    order = running.book.close(
        position, wish["volume"] or position.volume, quote=running.quotes[position.symbol],
        at=running.venue_time(now), key=request.idempotency_key, comment=wish["comment"], magic=wish["magic"],
        split=_split(running, request.action),
    )  # fmt: skip
    venue.counters["orders_executed"] += 1
    return _executed(running, order)


def order_cancel(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Cancel a pending order; no halt stands in its way."""
    running = _open_account(venue, request)
    order = running.book.orders.get(request.payload["order"])
    if order is None:
        raise Refused("ORDER_NOT_FOUND", "no such order", data=receipt(running, now))
    if order.order in running.book.placed:
        running.book.cancel(order, at=running.venue_time(now))
    return wire.order(order)


def order_query(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Return what became of a key or an order, with the receipt that makes "not found" final."""
    running = venue.account(request.account_id)
    key, number = request.payload["idempotency_key"], request.payload["order"]
    lag_ms = _lag_ms(running, request.action)
    complete = receipt(running, now, lag_ms=lag_ms)
    if (key is None) == (number is None):
        raise Refused("MISSING_TICKET", "either idempotency_key or order")
    if key is not None:
        outcome = venue.keys.get(key)
        if outcome is None or outcome.wall_ms > now.wall_ms - lag_ms:
            raise Refused("ORDER_NOT_FOUND", "no request with this key", data=complete)
        recorded = {"status": outcome.status, "code": outcome.code, "message": outcome.message, "data": outcome.data}
        number = outcome.data.get("order")
    else:
        recorded = None
    order = running.book.orders.get(number) if number is not None else None
    if order is None and recorded is None:
        raise Refused("ORDER_NOT_FOUND", "no such order", data=complete)
    deals = [wire.deal(row) for row in running.book.deals if order is not None and row.order == order.order]
    if order is not None:
        state = order.state
    else:
        state = "PENDING" if recorded and recorded["status"] == "PENDING" else "REJECTED"
        state = "DONE" if recorded and recorded["status"] == "OK" else state
    return {
        "state": state,
        "outcome": recorded,
        "order": wire.order(order) if order else None,
        "deals": deals,
    } | complete


def _open_account(venue: Venue, request: Request) -> Running:
    running = venue.account(request.account_id)
    if running.is_closed:
        raise Refused("ACCOUNT_ERROR", "the account is closed")
    return running


def _refuse_unknown_symbol(running: Running, symbol: str) -> None:
    if symbol not in running.terms["sources"]:
        raise Refused("UNKNOWN_SYMBOL", f"this account trades {', '.join(running.terms['sources'])}")


def _refuse_closed_market(symbol: str, running: Running, now: Now) -> None:
    if not SYMBOLS[symbol].hours.is_open(running.venue_time(now)):
        raise Refused("MARKET_CLOSED", f"{symbol} does not trade now", retcode=MARKET_CLOSED)
    if symbol not in running.quotes or symbol not in running.replay.tracks:
        raise Refused("MT5_ORDER_FAILED", "no quote yet", retcode=OFF_QUOTES)


def _refuse_dead_feed(running: Running, symbol: str, now: Now) -> None:
    quote, track = running.quotes.get(symbol), running.replay.tracks.get(symbol)
    hours, period = SYMBOLS[symbol].hours, track.bars.period if track else 0
    if quote and hours.is_open(quote.at) and running.venue_time(now) - quote.at > DEAD_FEED_BARS * period:
        raise Refused("MT5_ORDER_FAILED", "no quote: the feed is dead", retcode=OFF_QUOTES)


def _split(running: Running, action: str) -> Split:
    row = running.faults.strike("PARTIAL", action)
    return Split(row.parts, row.share_bps) if row else WHOLE


def _lag_ms(running: Running, action: str) -> int:
    row = running.faults.strike("LAG", action)
    return row.ms if row else 0


def _executed(running: Running, order: Order) -> dict[str, Any]:
    retcode = DONE_PARTIAL if order.state == "PARTIAL" else DONE
    return wire.executed(order, running.book.deals[-64:], retcode=retcode)


# ── Reads ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def get_account(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Return balance, equity and margin by liquidation marks."""
    running = venue.account(request.account_id)
    figures = running.book.figures(running.quotes)
    terms = running.terms
    return wire.figures(figures, currency=terms["currency"], leverage=terms["leverage"]) | {
        "venue_time": moment_of(running.venue_time(now))
    }


def get_positions(venue: Venue, request: Request, _now: Now) -> dict[str, Any]:
    """Return the open positions at their liquidation marks."""
    running = venue.account(request.account_id)
    symbol, magic = request.payload["symbol"], request.payload["magic"]
    rows = [
        row for row in running.book.positions.values()
        if symbol in (None, row.symbol) and magic in (None, row.magic)
    ]  # fmt: skip
    return {"positions": [wire.position(row, running.book, running.quotes[row.symbol]) for row in rows]}


def get_history(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Return deals and orders of a window of the venue clock, both ends included, and how far it is complete."""
    running, payload = venue.account(request.account_id), request.payload
    lag_ms = _lag_ms(running, request.action)
    last = running.replay.venue_time(max(running.elapsed(now) - lag_ms * 1_000_000, 0))
    end = min(last, payload["time_to"] * 1_000_000 + 999_999) if payload["time_to"] is not None else last
    start = payload["time_from"] * 1_000_000 if payload["time_from"] is not None else end - HISTORY_WINDOW_US
    if start > end and payload["time_from"] is not None and (payload["time_to"] or 0) < payload["time_from"]:
        raise Refused("HISTORY_ERROR", "time_from is after time_to")
    symbol = payload["symbol"]
    deals = [row for row in running.book.deals if start <= row.time <= end and symbol in (None, row.symbol)]
    orders = [row for row in running.book.orders.values() if start <= row.time <= end and symbol in (None, row.symbol)]
    return {
        "deals": [wire.deal(row) for row in deals], "orders": [wire.order(row) for row in orders]
    } | receipt(running, now, lag_ms=lag_ms)  # fmt: skip


def sync_all(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Return account and every position, also those of foreign magic numbers: the caller counts, never adopts them."""
    running = venue.account(request.account_id)
    account = get_account(venue, request, now)
    owned = set(request.payload["magic_numbers"])
    rows = running.book.positions.values()
    return {
        "status": "OK", "message": "", "account": account | {
            "margin_free": account["free_margin"], "margin_used": account["margin"]
        },
        "positions": [wire.position(row, running.book, running.quotes[row.symbol]) for row in rows],
        "foreign": sum(row.magic not in owned for row in rows),
        "orders": [wire.order(row) for row in running.book.placed.values()],
    } | receipt(running, now)  # fmt: skip


# ── Halts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def kill_switch(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Block, cancel, and with CLOSE close what the scope covers; SAFE with a higher epoch releases it again.

    Engaging never needs the newest epoch; but one older than the release of the same scope is an echo: STALE_EPOCH.
    """
    payload = request.payload
    latch = Latch(
        account_id=request.account_id, scope=payload["scope"], epoch=payload["epoch"], state=payload["state"],
        positions=payload["positions"], reason=payload["reason"], symbol=payload["symbol"],
        magic_numbers=payload["magic_numbers"],
    )  # fmt: skip
    covered = [venue.account(request.account_id)] if request.account_id else list(venue.accounts.values())
    before = venue.latches.get((latch.account_id, latch.scope))
    if before and before.state == "SAFE" and latch.epoch < before.epoch and latch.state == "ENGAGED":
        raise Refused("STALE_EPOCH", "this scope was released under a higher epoch", data={"epoch": venue.epoch})
    if before and before.state == "ENGAGED" and latch.state == "SAFE" and latch.epoch <= before.epoch:
        raise Refused("STALE_EPOCH", "a release carries a higher epoch than its halt", data={"epoch": venue.epoch})
    venue.keep_latch(latch)
    data: dict[str, Any] = {"scope": latch.scope, "state": latch.state, "epoch": venue.epoch, "positions_closed": 0,
                            "total_positions": 0, "orders_cancelled": 0, "deals": [],
                            "timestamp": moment_of(now.wall_ms * 1_000)}  # fmt: skip
    if latch.state == "ENGAGED":
        for running in covered:
            if not running.is_closed:
                _halt(venue, running, latch, now, data)
    return data


def _halt(venue: Venue, running: Running, latch: Latch, now: Now, data: dict[str, Any]) -> None:
    venue.catch_up(running, now)
    book, login, at = running.book, running.book.login, running.venue_time(now)
    for order in list(book.placed.values()):
        if latch.covers(login, order.symbol, order.magic):
            book.cancel(order, at=at, reason="KILL_SWITCH")
            data["orders_cancelled"] += 1
    inside = [row for row in book.positions.values() if latch.covers(login, row.symbol, row.magic)]
    data["total_positions"] += len(inside)
    for position in inside if latch.positions == "CLOSE" else ():
        if position.symbol in running.replay.tracks and SYMBOLS[position.symbol].hours.is_open(at):
            quote, deals_before = running.quotes[position.symbol], len(book.deals)
            book.close(position, position.volume, quote=quote, at=at, reason="KILL_SWITCH", comment=latch.scope[:31])
            data["positions_closed"] += 1
            data["deals"] += [wire.deal(row) | {"login": str(login)} for row in book.deals[deals_before:]]


# ── The paper gateway alone ───────────────────────────────────────────────────────────────────────────────────────────
def account_open(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Open an account with a deposit and a replay of its own, whose clock starts now."""
    payload = request.payload
    if not payload["replay"]["symbols"]:
        raise Refused("MISSING_SYMBOL", "a replay has at least one symbol")
    terms = {
        "login": venue.tickets.login, "currency": payload["currency"], "margin_mode": payload["margin_mode"],
        "leverage": payload["leverage"], "replay": payload["replay"],
    }  # fmt: skip
    running = venue.start(terms, now=now)
    for wanted in payload["faults"]:
        running.faults.add(fault(wanted))
    running.book.book_cash("BALANCE", payload["deposit"], at=running.replay.start, comment="deposit")
    venue.catch_up(running, now)
    return identity(running) | {
        "leverage": terms["leverage"], "balance": wire.cash(running.book.balance),
        "replay": {
            "start": moment_of(running.replay.start), "speed": running.replay.speed, "seed": payload["replay"]["seed"],
            "symbols": [
                {"symbol": name, "synthetic": track.bars.source == SYNTHETIC, "source": track.bars.source}
                for name, track in running.replay.tracks.items()
            ],
        },
    }  # fmt: skip


def account_close(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Stop an account's replay for good; its history stays readable. Raises `Refused` while it is not flat."""
    running = _open_account(venue, request)
    if running.book.positions or running.book.placed:
        raise Refused("ACCOUNT_ERROR", "the account is not flat")
    running.elapsed_ns = running.elapsed(now)
    running.is_closed, running.is_live = True, False
    return identity(running) | {"balance": wire.cash(running.book.balance)} | receipt(running, now)


def account_adjust(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Book a deposit, withdrawal, credit, charge, correction … as the venue's own deal."""
    running, payload = _open_account(venue, request), request.payload
    deal = running.book.book_cash(
        payload["type"], payload["amount"], at=running.venue_time(now), comment=payload["comment"]
    )
    return {"deals": [wire.deal(deal)], "balance": wire.cash(running.book.balance)}


def request_fault(venue: Venue, request: Request, now: Now) -> dict[str, Any]:
    """Ask for a fault, on one account or on the whole gateway."""
    row = fault(request.payload)
    if row.kind == "STALL":
        venue.account(request.account_id).stalled_until_ns = now.mono_ns + row.ms * 1_000_000
    else:
        (venue.account(request.account_id).faults if request.account_id else venue.faults).add(row)
    return {"fault": asdict(row)}


HANDLERS: Final[dict[str, Callable[[Venue, Request, Now], dict[str, Any]]]] = {
    "PING": ping,
    "SYMBOL_INFO": symbol_info,
    "ORDER_OPEN": order_open,
    "ORDER_CLOSE": order_close,
    "ORDER_CANCEL": order_cancel,
    "ORDER_QUERY": order_query,
    "GET_ACCOUNT": get_account,
    "GET_POSITIONS": get_positions,
    "GET_HISTORY": get_history,
    "SYNC_ALL": sync_all,
    "KILL_SWITCH": kill_switch,
    "ACCOUNT_OPEN": account_open,
    "ACCOUNT_CLOSE": account_close,
    "ACCOUNT_ADJUST": account_adjust,
    "FAULT": request_fault,
}
