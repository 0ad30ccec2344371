"""What may be put to the gate? A proposal: the wish, who stands behind it, and the key that names it once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from crs.kernel import reading
from crs.kernel.evidence import canonical
from crs.kernel.refusal import Refusal
from execution.rules.facts import OrderType, Side

if TYPE_CHECKING:
    from execution.rules.facts import Wish

Mode = Literal["MANAGED", "GOVERNED"]
Carrier = Literal["SLICE", "TASK"]
KEY_LENGTH_MAX = 190
QUANTITY_MAX = 10**20  # 10¹² lots: no venue takes more, and every product stays exact
PRICE_DIGITS = (20, 10)  # before and after the point: the columns of models.py


class IntentMalformed(Refusal):
    """A field of the proposal is missing, no number, or does not fit the others."""

    code: ClassVar[str] = "INTENT_MALFORMED"
    title: ClassVar[str] = "This is no intent"


class GovernedUnavailable(Refusal):
    """GOVERNED intents, which the bot sends and reports itself, do not exist yet."""

    code: ClassVar[str] = "GOVERNED_UNAVAILABLE"
    title: ClassVar[str] = "Only MANAGED intents exist: CRS sends the order and books the fill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A wish with its `key` (once per principal, chosen before sending) and the person who answers for it.

    `position_id` closes that position (the wish is then `reduce_only`). `carrier` says who takes the order to the wire:
    a trading slice does it itself, for everybody else a worker's task is rung. `epoch_known` is the epoch that the
    proposer knew. `api_key` is the key it came with, "" for our own machines.
    """

    key: str
    wish: Wish
    responsible: str
    mode: Mode = "MANAGED"
    position_id: str = ""
    magic: int = 0
    carrier: Carrier = "TASK"
    epoch_known: int | None = None
    api_key: str = ""

    @property
    def digest(self) -> bytes:
        """SHA-256 over everything that is asked: a key that comes again with another digest is refused."""
        wish = self.wish
        return hashlib.sha256(
            canonical(
                {
                    "account": wish.account,
                    "strategy": wish.strategy,
                    "symbol": wish.symbol,
                    "side": wish.side,
                    "quantity": str(wish.quantity),
                    "order_type": wish.order_type,
                    "limit_price": _plain(wish.limit_price),
                    "stop_loss": _plain(wish.stop_loss),
                    "take_profit": _plain(wish.take_profit),
                    "reduce_only": wish.reduce_only,
                    "position_id": self.position_id,
                    "mode": self.mode,
                    "responsible": self.responsible,
                    "magic": str(self.magic),
                }
            )
        ).digest()


def refuse_malformed(proposal: Proposal) -> None:
    """Raise `IntentMalformed` or `GovernedUnavailable`, with the pointer of the field that is to blame."""
    wish = proposal.wish
    if proposal.mode == "GOVERNED":
        raise GovernedUnavailable(pointer="/mode")
    for pointer, text, length_max in (
        ("/key", proposal.key, KEY_LENGTH_MAX),
        ("/strategy", wish.strategy, 80),
        ("/account", wish.account, 48),
        ("/symbol", wish.symbol, 40),
        ("/responsible", proposal.responsible, 150),
    ):
        if not text or len(text) > length_max or not text.isprintable():
            raise IntentMalformed(f"a text of 1 to {length_max} characters", pointer=pointer)
    _refuse_wish(wish)
    if proposal.position_id and not (wish.reduce_only and _is_position(proposal.position_id)):
        raise IntentMalformed("position_id is a number and closes: reduce_only is true with it", pointer="/position_id")


def _is_position(text: str) -> bool:
    """Return whether a text is the number of a position, as the venue writes it: MT5's tickets have 64 bits."""
    try:
        return reading.whole(text, most=2**64 - 1) > 0
    except ValueError:
        return False


def _refuse_wish(wish: Wish) -> None:
    if wish.side not in get_args(Side) or wish.order_type not in get_args(OrderType):
        raise IntentMalformed("side is BUY or SELL, order_type MARKET, LIMIT or STOP", pointer="/side")
    if type(wish.quantity) is not int or not 0 < wish.quantity <= QUANTITY_MAX:
        raise IntentMalformed("a quantity is more than zero", pointer="/quantity")
    for pointer, price in (
        ("/limit_price", wish.limit_price),
        ("/stop_loss", wish.stop_loss),
        ("/take_profit", wish.take_profit),
    ):
        if price is not None and not _is_price(price):
            raise IntentMalformed("a price is a positive decimal text", pointer=pointer)
    if (wish.limit_price is None) != (wish.order_type == "MARKET"):
        raise IntentMalformed("LIMIT and STOP have a limit_price, MARKET has none", pointer="/limit_price")
    if wish.reduce_only and wish.order_type != "MARKET":
        raise IntentMalformed("a reduction goes at the market", pointer="/order_type")


def _is_price(price: Decimal) -> bool:
    if not isinstance(price, Decimal) or not price.is_finite() or price <= 0:
        return False
    exponent = price.as_tuple().exponent
    return price.adjusted() < PRICE_DIGITS[0] and isinstance(exponent, int) and -exponent <= PRICE_DIGITS[1]


def _plain(price: Decimal | None) -> str | None:
    return None if price is None else f"{price.normalize():f}"
