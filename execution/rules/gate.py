"""May this order go? The one pre-trade gate of the product: `RULES`, in order, and what their verdicts add up to.

Every rule is a pure function from facts to a verdict. All of them are evaluated, also after a refusal, so that the
whole answer is seen at once; the order of the list decides which refusal is named first. A new check is one more entry.

What makes no position larger always passes, whatever a rule says: a desk that may not close is more dangerous than one
that trades. What is missing or not a finite number never passes. Sources: the sections named by each rule's `owner`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any, Final, Literal

from crs.kernel.money import BPS, EXACT, text_of
from execution.rules.facts import CASH_DECIMALS, LOT_DECIMALS, Facts, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

Outcome = Literal["PASS", "REFUSE", "ASK", "NO_DATA"]
Result = Literal["ALLOWED", "REFUSED", "PENDING_APPROVAL"]

NO_DATA: Final = "NO_DATA"
RULE_ERROR: Final = "RULE_ERROR"
SPARED: Final = "REDUCING"  # the code of a verdict that would have refused, had the wish taken new risk


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said. `limit`, `actual` and `headroom` are exact texts, "" where a rule has no such figure."""

    name: str
    outcome: Outcome
    code: str = ""
    limit: str = ""
    actual: str = ""
    headroom: str = ""

    def as_refusal(self) -> dict[str, str]:
        """Return the verdict as it stands in `refusals` of the API."""
        return {"code": self.code, "limit": self.limit, "actual": self.actual, "headroom": self.headroom}

    def as_rule(self) -> dict[str, str]:
        """Return the verdict as it stands in `rules` of the API and of the Intent row."""
        return {"name": self.name, "verdict": self.outcome, **self.as_refusal()}


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of the gate: the result, every rule's verdict in order, and the epoch it was made under."""

    result: Result
    rules: tuple[Verdict, ...]
    epoch: int
    added: int  # lots (10⁻⁸) of new risk

    @property
    def refusals(self) -> tuple[Verdict, ...]:
        """The verdicts that refuse, in order; the first one is the reason."""
        return tuple(verdict for verdict in self.rules if verdict.outcome in ("REFUSE", "NO_DATA"))

    @property
    def reason(self) -> str:
        """The code of the first refusal, "" if nothing refused."""
        return self.refusals[0].code if self.refusals else ""

    @property
    def is_allowed(self) -> bool:
        return self.result == "ALLOWED"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the gate. `owner` is the app whose facts it judges.

    `before_signal`: it does not look at the wish, so it is asked before the signal too.
    """

    name: str
    owner: str
    judge: Callable[[Facts], Verdict]
    before_signal: bool = False


def decide(facts: Facts, rules: Sequence[Rule] | None = None) -> Decision:
    """Return the decision on `facts.wish`.

    REFUSED if any rule refuses or lacks its data, otherwise PENDING_APPROVAL if one asks for a vote, otherwise ALLOWED.
    """
    assert facts.wish is not None, "a wish is decided on; before the signal there is `decide_before_signal`"
    return _sum_up(facts, [_judged(rule, facts) for rule in (RULES if rules is None else rules)])


def decide_before_signal(facts: Facts) -> Decision:
    """Return whether new risk on the symbol is possible at all: the rules that need no wish, from copies in memory."""
    assert facts.wish is None, "the signal does not exist yet"
    return _sum_up(facts, [_judged(rule, facts) for rule in RULES if rule.before_signal])


def _sum_up(facts: Facts, verdicts: list[Verdict]) -> Decision:
    outcomes = {verdict.outcome for verdict in verdicts}
    result: Result = "ALLOWED"
    if outcomes & {"REFUSE", "NO_DATA"}:
        result = "REFUSED"
    elif "ASK" in outcomes:
        result = "PENDING_APPROVAL"
    return Decision(result, tuple(verdicts), facts.halts.epoch if facts.halts else 0, facts.added)


def _judged(rule: Rule, facts: Facts) -> Verdict:
    try:
        verdict = rule.judge(facts)
    except Exception as error:  # noqa: BLE001 — a rule that breaks is a refusal, never a way past the gate
        verdict = Verdict(rule.name, "REFUSE", RULE_ERROR, actual=type(error).__name__)
    if facts.is_reducing and verdict.outcome != "PASS":
        return Verdict(rule.name, "PASS", SPARED, verdict.limit, verdict.actual, verdict.headroom)
    return verdict


# ── How rules speak ───────────────────────────────────────────────────────────────────────────────────────────────────
def _missing(name: str) -> Verdict:
    return Verdict(name, "NO_DATA", NO_DATA)


def _at_most(name: str, code: str, actual: int, limit: int, text: Callable[[int], str] = str) -> Verdict:
    """Pass while `actual` ≤ `limit`; the headroom is what is left and may be negative."""
    outcome: Outcome = "PASS" if actual <= limit else "REFUSE"
    return Verdict(name, outcome, "" if outcome == "PASS" else code, text(limit), text(actual), text(limit - actual))


def _fresh(name: str, code: str, at: datetime, read_at: datetime, age_max: timedelta) -> Verdict:
    """Pass while 0 ≤ age ≤ `age_max`. Something read in the future is as useless as something old."""
    age_ms, age_ms_max = _ms(at - read_at), _ms(age_max)
    if age_ms < -FUTURE_MS_MAX:
        return Verdict(name, "REFUSE", code, str(age_ms_max), str(age_ms), str(age_ms_max))
    return _at_most(name, code, max(0, age_ms), age_ms_max)


def _ms(span: timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * 1000 + span.microseconds // 1000


def _lots(units: int) -> str:
    return text_of(units, LOT_DECIMALS)


def _cash(units: int) -> str:
    return text_of(units, CASH_DECIMALS)


def _is_price(value: Any) -> bool:  # Any: what comes from outside may be anything, and a float is not a price
    return isinstance(value, Decimal) and value.is_finite() and value > 0


def _whole(*values: Any) -> bool:  # Any: as above
    return all(type(value) is int for value in values)


# Two processes of one machine may differ by this much when one stamps what the other reads.
FUTURE_MS_MAX: Final = 250


# ── The rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def kill_switch_copy(facts: Facts) -> Verdict:
    """The copy of the halts is young enough to be trusted: an older one means "not safe"."""
    name = "kill_switch_copy"
    if facts.halts is None:
        return _missing(name)
    return _fresh(name, "KILL_SWITCH_STALE", facts.at, facts.halts.read_at, facts.bounds.halts_age_max)


def kill_switch(facts: Facts) -> Verdict:
    """No engaged scope covers the wish."""
    name = "kill_switch"
    if facts.halts is None:
        return _missing(name)
    if facts.halts.covering:
        return Verdict(name, "REFUSE", "KILL_SWITCH_ENGAGED", "", " ".join(facts.halts.covering))
    return Verdict(name, "PASS")


def epoch(facts: Facts) -> Verdict:
    """The proposer knew the present epoch: whoever missed a halt must look again first."""
    name = "epoch"
    if facts.halts is None:
        return _missing(name)
    known = facts.halts.epoch if facts.halts.epoch_known is None else facts.halts.epoch_known
    if known != facts.halts.epoch:
        return Verdict(name, "REFUSE", "STALE_EPOCH", str(facts.halts.epoch), str(known))
    return Verdict(name, "PASS", "", str(facts.halts.epoch), str(known))


def mode(facts: Facts) -> Verdict:
    """No scope above the wish is in REDUCE_ONLY or FORCE_CLOSE."""
    name = "mode"
    if facts.modes is None:
        return _missing(name)
    if facts.modes.covering:
        return Verdict(name, "REFUSE", facts.modes.covering[0].split(" ")[0], "", " ".join(facts.modes.covering))
    return Verdict(name, "PASS", "", "NORMAL", "NORMAL")


def market_hours(facts: Facts) -> Verdict:
    """The symbol's session is open, on the venue clock."""
    name = "market_hours"
    if facts.market is None:
        return _missing(name)
    if facts.market.is_open is not True:
        return Verdict(name, "REFUSE", "MARKET_CLOSED", "", facts.market.venue_at.isoformat())
    return Verdict(name, "PASS", "", "", facts.market.venue_at.isoformat())


def account_identity(facts: Facts) -> Verdict:
    """The gateway proved lately that it stands on the right login, server, trade mode, margin mode and currency."""
    name = "account_identity"
    if facts.identity is None:
        return _missing(name)
    if facts.identity.actual != facts.identity.expected:
        return Verdict(name, "REFUSE", "ACCOUNT_MISMATCH", facts.identity.expected, facts.identity.actual)
    return _fresh(name, "IDENTITY_STALE", facts.at, facts.identity.checked_at, facts.bounds.identity_age_max)


def symbol_active(facts: Facts) -> Verdict:
    """The symbol stands in the account's symbol map and is switched on."""
    name = "symbol_active"
    if facts.symbol is None:
        return _missing(name)
    if facts.symbol.is_active is not True:
        return Verdict(name, "REFUSE", "SYMBOL_INACTIVE")
    return Verdict(name, "PASS")


def unknown_orders(facts: Facts) -> Verdict:
    """No order of ours on the symbol is without a definite outcome."""
    name = "unknown_orders"
    if facts.orders is None or not _whole(facts.orders.unknown):
        return _missing(name)
    return _at_most(name, "ORDER_UNKNOWN", facts.orders.unknown, 0)


def stale_tick(facts: Facts) -> Verdict:
    """The last price is young, its two sides are prices, and no tick before it is missing. Figures in ms."""
    name = "stale_tick"
    if facts.tick is None or not (_is_price(facts.tick.bid) and _is_price(facts.tick.ask)):
        return _missing(name)
    if facts.tick.has_gap is not False:
        return Verdict(name, "REFUSE", "TICKS_MISSING")
    if facts.tick.bid > facts.tick.ask:
        return Verdict(name, "REFUSE", "TICK_CROSSED", str(facts.tick.ask), str(facts.tick.bid))
    return _fresh(name, "STALE_TICK", facts.at, facts.tick.received_at, facts.bounds.tick_age_max)


def duplicate(facts: Facts) -> Verdict:
    """No order like this one is in flight or was allowed a moment ago."""
    name = "duplicate"
    if facts.orders is None or not _whole(facts.orders.same):
        return _missing(name)
    return _at_most(name, "DUPLICATE", facts.orders.same, 0)


def volume_min(facts: Facts) -> Verdict:
    """The volume reaches the venue's minimum (which may be 0.001). Figures in lots."""
    name, wish = "volume_min", _wish(facts)
    if facts.symbol is None or not _whole(facts.symbol.volume_min, wish.quantity) or facts.symbol.volume_min <= 0:
        return _missing(name)
    limit = facts.symbol.volume_min
    outcome: Outcome = "PASS" if wish.quantity >= limit else "REFUSE"
    code = "" if outcome == "PASS" else "VOLUME_MIN"
    return Verdict(name, outcome, code, _lots(limit), _lots(wish.quantity), _lots(wish.quantity - limit))


def volume_step(facts: Facts) -> Verdict:
    """The volume is a whole number of the venue's steps. Headroom: how much to take off."""
    name, wish = "volume_step", _wish(facts)
    if facts.symbol is None or not _whole(facts.symbol.volume_step, wish.quantity) or facts.symbol.volume_step <= 0:
        return _missing(name)
    rest = wish.quantity % facts.symbol.volume_step
    outcome: Outcome = "REFUSE" if rest else "PASS"
    code = "VOLUME_STEP" if rest else ""
    return Verdict(name, outcome, code, _lots(facts.symbol.volume_step), _lots(wish.quantity), _lots(-rest))


def volume_max(facts: Facts) -> Verdict:
    """The volume that takes new risk stays within the venue's maximum. Figures in lots."""
    name = "volume_max"
    if facts.symbol is None or not _whole(facts.symbol.volume_max, facts.added) or facts.symbol.volume_max <= 0:
        return _missing(name)
    return _at_most(name, "VOLUME_MAX", facts.added, facts.symbol.volume_max, _lots)


def stops_level(facts: Facts) -> Verdict:
    """Stop and target stand on their own side of the price, the venue's distance away. Figures are price distances."""
    name, wish = "stops_level", _wish(facts)
    # A position is closed at the other side of the tick; a pending order will be opened at its own price.
    price, terms = _expected_price(facts, closing=True), facts.symbol
    levels = [(level, sign) for level, sign in ((wish.stop_loss, wish.sign), (wish.take_profit, -wish.sign)) if level]
    if price is None or terms is None or not _is_price(terms.point) or not _whole(terms.stops_level):
        return _missing(name)
    if not all(_is_price(level) for level, _ in levels):
        return _missing(name)
    limit = EXACT.multiply(terms.point, terms.stops_level)
    if not levels:
        return Verdict(name, "PASS", "", f"{limit:f}")
    nearest = min(EXACT.multiply(EXACT.subtract(price, level), sign) for level, sign in levels)
    outcome: Outcome = "PASS" if nearest >= limit and nearest > 0 else "REFUSE"
    code = "" if outcome == "PASS" else "STOPS_LEVEL"
    return Verdict(name, outcome, code, f"{limit:f}", f"{nearest:f}", f"{EXACT.subtract(nearest, limit):f}")


def price_collar(facts: Facts) -> Verdict:
    """The price of the order is no further from the middle of the last tick than the collar. Figures in bps."""
    name, price = "price_collar", _expected_price(facts)
    if price is None or facts.tick is None or not _whole(facts.bounds.collar_bps):
        return _missing(name)
    middle = (Fraction(facts.tick.bid) + Fraction(facts.tick.ask)) / 2
    # Rounded up to whole basis points, so that nothing passes by rounding.
    return _at_most(name, "PRICE_COLLAR", ceil(abs(Fraction(price) - middle) * BPS / middle), facts.bounds.collar_bps)


def notional_max(facts: Facts) -> Verdict:
    """The new risk is worth no more than the maximum per order, in the account currency, rounded up."""
    name, price, terms = "notional_max", _expected_price(facts), facts.symbol
    if price is None or terms is None or terms.quote_rate is None:
        return _missing(name)
    if not (_is_price(terms.contract_size) and _is_price(terms.quote_rate)):
        return _missing(name)
    if not _whole(facts.added, facts.bounds.notional_max):
        return _missing(name)
    lots = Fraction(facts.added, 10**LOT_DECIMALS)
    worth = lots * Fraction(terms.contract_size) * Fraction(price) * Fraction(terms.quote_rate)
    return _at_most(name, "NOTIONAL_MAX", ceil(worth * 10**CASH_DECIMALS), facts.bounds.notional_max, _cash)


def session_loss(facts: Facts) -> Verdict:
    """A session runs and its loss is within its limit: strictly more trips, and a profit never does.

    loss = max(0, opening equity + flows − equity on liquidation marks). Without a running session there is no figure.
    """
    name, loss = "session_loss", facts.loss
    if loss is None or not _whole(loss.limit, loss.opening_equity, loss.flows, loss.equity) or loss.limit <= 0:
        return _missing(name)
    return _at_most(name, "SESSION_LOSS", max(0, loss.opening_equity + loss.flows - loss.equity), loss.limit, _cash)


def _wish(facts: Facts) -> Wish:
    assert facts.wish is not None, "this rule is asked with an order only"
    return facts.wish


def _expected_price(facts: Facts, *, closing: bool = False) -> Decimal | None:
    """Return the price the order is about: its own, otherwise the side of the tick it would meet; None if unknown."""
    wish, tick = _wish(facts), facts.tick
    if tick is None or not (_is_price(tick.bid) and _is_price(tick.ask)):
        return None
    price = tick.ask if (wish.side == "BUY") is not closing else tick.bid
    if wish.order_type != "MARKET":
        if wish.limit_price is None:
            return None
        price = wish.limit_price
    return price if _is_price(price) else None


# In order: kill switch → calendar, account and symbol → order rules → limits. One list: nothing registers itself.
RULES: Final[tuple[Rule, ...]] = (
    Rule("kill_switch_copy", "approvals", kill_switch_copy, before_signal=True),
    Rule("kill_switch", "approvals", kill_switch, before_signal=True),
    Rule("epoch", "approvals", epoch, before_signal=True),
    Rule("mode", "approvals", mode, before_signal=True),
    Rule("market_hours", "guardian", market_hours, before_signal=True),
    Rule("account_identity", "execution", account_identity, before_signal=True),
    Rule("symbol_active", "guardian", symbol_active, before_signal=True),
    Rule("volume_min", "guardian", volume_min),
    Rule("volume_step", "guardian", volume_step),
    Rule("volume_max", "guardian", volume_max),
    Rule("stops_level", "guardian", stops_level),
    Rule("unknown_orders", "execution", unknown_orders, before_signal=True),
    Rule("stale_tick", "guardian", stale_tick, before_signal=True),
    Rule("duplicate", "execution", duplicate),
    Rule("price_collar", "execution", price_collar),
    Rule("notional_max", "execution", notional_max),
    Rule("session_loss", "approvals", session_loss, before_signal=True),
)
