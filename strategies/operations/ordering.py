"""How does a wish become an order? Decided by the one gate, under a key that a replay of the same tick gives again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from execution.operations import gate, orders
from execution.rules.facts import Wish
from execution.rules.proposals import Proposal
from strategies.rules import signals
from strategies.rules.signals import STRATEGY

if TYPE_CHECKING:
    from datetime import datetime

    from execution.models import Position
    from execution.operations.gate import Decided
    from execution.operations.orders import Recorded
    from execution.rules.facts import Live
    from execution.rules.wire import Outcome, Ready
    from guardian.rules.ticks import Tick
    from strategies.operations.desk import Seat, TradingDesk


def enter(desk: TradingDesk, seat: Seat, tick: Tick, *, live: Live, at: datetime) -> Decided:
    """Decide on a purchase at a tick, with its stop and target. The key is the tick's: a replay never orders twice."""
    stop, target = signals.stops(
        tick.ask,
        digits=seat.row.digits,
        stop_loss_pips=seat.plan.stop_loss_pips,
        take_profit_pips=seat.plan.take_profit_pips,
        # The stop is judged against the side it closes at.
        stops_level=seat.row.stops_level + signals.points(tick.ask - tick.bid, digits=seat.row.digits),
    )
    wish = Wish(
        account=desk.account.code,
        strategy=STRATEGY,
        symbol=tick.symbol,
        side="BUY",
        quantity=seat.plan.lots,
        stop_loss=stop,
        take_profit=target,
    )
    return _decide(desk, seat, wish, key=f"{desk.session.pk}:{tick.symbol}:{tick.seq}:ENTER", live=live, at=at)


def leave(desk: TradingDesk, seat: Seat, position: Position, *, key: str, live: Live, at: datetime) -> Decided:
    """Decide on closing a position of ours; what reduces always passes the gate."""
    wish = Wish(
        account=desk.account.code,
        strategy=STRATEGY,
        symbol=position.symbol,
        side="SELL" if position.lots > 0 else "BUY",
        quantity=abs(position.lots),
        reduce_only=True,
    )
    return _decide(
        desk,
        seat,
        wish,
        key=f"{desk.session.pk}:{position.symbol}:{key}",
        position_id=position.position_id,
        live=live,
        at=at,
    )


def prepare(desk: TradingDesk, order_id: int, *, at: datetime) -> Ready | None:
    """Take an order to the wire's door; None if it may not go or has gone."""
    return orders.prepare(order_id, actor=desk.actor, at=at)


def record(desk: TradingDesk, order_id: int, outcome: Outcome, *, at: datetime) -> Recorded:
    """Write down what the venue said, and book its deals."""
    return orders.record(order_id, outcome, actor=desk.actor, at=at)


def _decide(
    desk: TradingDesk, seat: Seat, wish: Wish, *, key: str, live: Live, at: datetime, position_id: str = ""
) -> Decided:
    proposal = Proposal(
        key=key,
        wish=wish,
        responsible=desk.responsible,
        position_id=position_id,
        magic=seat.plan.magic,
        carrier="SLICE",
    )
    return gate.decide(proposal, actor=desk.actor, at=at, live=live)
