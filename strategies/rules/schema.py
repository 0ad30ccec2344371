"""Which keys may a session's configuration have, and what may stand behind each? One table (guardian.md 12)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from crs.kernel.money import DECIMAL_TEXT

SYMBOL = re.compile(r"[A-Z]{6}(\.[ms])?")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class Fault(NamedTuple):
    """One thing that is wrong, and where."""

    path: str
    message: str


# A check returns what is wrong with a value, or "".
Check = Callable[[Any], str]  # Any: whatever YAML holds


@dataclass(frozen=True)
class Section:
    """A mapping of known keys, each with its check; those in `required` must be there when it is a list's entry."""

    keys: Mapping[str, Check | Section]
    required: tuple[str, ...] = ()
    is_list: bool = False
    entries_max: int = 100

    def faults(self, content: Any, path: str) -> Iterator[Fault]:  # Any: whatever YAML holds
        """Yield every fault of `content`, with its path."""
        if not self.is_list:
            yield from self._mapping_faults(content, path)
        elif not isinstance(content, list) or not content:
            yield Fault(path, "must be a list with at least one entry")
        elif len(content) > self.entries_max:
            yield Fault(path, f"has {len(content)} entries, at most {self.entries_max}")
        else:
            for index, entry in enumerate(content):
                yield from self._mapping_faults(entry, f"{path}[{index}]")

    def _mapping_faults(self, content: Any, path: str) -> Iterator[Fault]:  # Any: whatever YAML holds
        if not isinstance(content, dict):
            yield Fault(path, f"must be a mapping, not {_shown(content)}")
            return
        for key in self.required:
            if key not in content:
                yield Fault(f"{path}.{key}", "is missing")
        for key, value in content.items():
            place = f"{path}.{key}"
            rule = self.keys.get(key)
            if rule is None:
                yield Fault(place, "unknown key")
            elif isinstance(rule, Section):
                yield from rule.faults(value, place)
            elif message := rule(value):
                yield Fault(place, message)


def _shown(value: object) -> str:
    return repr(str(value) if isinstance(value, Decimal) else value)[:60]


def text(value: Any) -> str:
    """A non-empty text."""
    return "" if isinstance(value, str) and value else f"must be text, not {_shown(value)}"


def flag(value: Any) -> str:
    """True or false."""
    return "" if isinstance(value, bool) else f"must be true or false, not {_shown(value)}"


def only(expected: object, reason: str) -> Check:
    """Accept one value, because nothing else is done yet."""
    return lambda value: (
        ""
        if type(value) is type(expected) and value == expected
        else f"must be {expected}: {reason}, not {_shown(value)}"
    )


def one_of(*choices: str) -> Check:
    """One of a few words."""
    return lambda value: "" if value in choices else f"must be one of {', '.join(choices)}, not {_shown(value)}"


def whole(low: int, high: int) -> Check:
    """A whole number within bounds."""

    def check(value: Any) -> str:
        if type(value) is not int or not low <= value <= high:
            return f"must be a whole number from {low} to {high}, not {_shown(value)}"
        return ""

    return check


def positive(decimals: int, high: str) -> Check:
    """An exact decimal above zero, with at most `decimals` digits; NaN, infinity and signs are refused."""

    def check(value: Any) -> str:
        wrong = f"must be a number above 0 and at most {high} with up to {decimals} decimals, not {_shown(value)}"
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            return wrong
        # The text that amounts have everywhere: plain digits, no exponent, no blanks, no digits of other scripts.
        if not DECIMAL_TEXT.fullmatch(str(value)):
            return wrong
        number = Decimal(str(value))
        if not 0 < number <= Decimal(high):
            return wrong
        return "" if number.as_tuple().exponent >= -decimals else wrong  # type: ignore[operator]  # finite: a number

    return check


def symbol(value: Any) -> str:
    """Six capitals, optional `.m` or `.s`."""
    is_symbol = isinstance(value, str) and SYMBOL.fullmatch(value)
    return "" if is_symbol else f"must be six capitals with optional .m or .s, not {_shown(value)}"


def symbols(value: Any) -> str:
    """A list of symbols."""
    if not isinstance(value, list) or not value:
        return "must be a list of symbols"
    if wrong := next(filter(None, map(symbol, value)), ""):
        return wrong
    return next((f"{name} stands twice" for name in value if value.count(name) > 1), "")


def time(value: Any) -> str:
    """A moment such as 2017-12-04T00:00:00Z."""
    try:
        datetime.fromisoformat(value if value.isascii() else "")
    except (AttributeError, TypeError, ValueError):
        return f"must be a time such as 2017-12-04T00:00:00Z, not {_shown(value)}"
    return ""


def folder(value: Any) -> str:
    """The name of a folder, at most 1000 characters; empty in a file: the recorded bars."""
    is_name = isinstance(value, str) and len(value) <= 1_000
    return "" if is_name else f"must be the name of a folder, not {_shown(value)}"


def host(value: Any) -> str:
    """A host name or address of one machine; a wildcard or broadcast address is refused."""
    if not isinstance(value, str) or not value or value == "*":
        return f"must be a host, not {_shown(value)}"
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return ""
    if address.is_unspecified or address.is_multicast or value.endswith((".255", ".0")):
        return f"{value} is a network or broadcast address, not one machine"
    return ""


def profile_name(value: Any) -> str:
    """The name of a risk profile; its figures stand in `risk_profile_details`."""
    return "" if isinstance(value, str) and value else "is a name; the figures stand in risk_profile_details"


def unenforced(_: Any) -> str:
    """A limit that no rule of the gate enforces yet."""
    return "no rule enforces this limit yet: remove it"


def unused(_: Any) -> str:
    """A setting that nothing reads yet."""
    return "nothing uses this setting yet: remove it"


LOTS = positive(8, "100")
PIPS = whole(1, 10_000_000)
SYMBOL_KEYS: dict[str, Check | Section] = {
    "symbol": symbol,
    "active": flag,
    "magic_number": whole(1, 2**31 - 1),
    "lot_size": LOTS,
    "slippage_tolerance": unenforced,
    "risk_profile": profile_name,
    "risk_profile_details": Section(
        {"stop_loss_pips": PIPS, "take_profit_pips": PIPS, "lot_size": LOTS, "max_dd_percent": unenforced},
        required=("stop_loss_pips", "take_profit_pips"),
    ),
}
SYMBOL_REQUIRED = ("symbol", "magic_number", "lot_size", "risk_profile_details")

SECTIONS: dict[str, Section] = {
    "common": Section(
        {
            "env_name": text,
            "log_level": one_of(*LOG_LEVELS),
            "session_id": text,
            "desk": text,
            "base_currency": only("USD", "an account in another currency needs conversion marks"),
        }
    ),
    "accounts": Section(
        {
            "desk": text,
            "venue": only("PAPER", "a session opens its own account at the paper gateway"),
            "login": unused,
            "server": unused,
            "trade_mode": only("DEMO", "a session runs on a demo account"),
            "margin_mode": one_of("HEDGING", "NETTING"),
            "currency": only("USD", "an account in another currency needs conversion marks"),
            "timezone": only("UTC", "the paper gateway speaks UTC"),
            "preset": unenforced,
            "symbol_map": unused,
        },
        is_list=True,
        entries_max=1,
    ),
    "symbols": Section(SYMBOL_KEYS, SYMBOL_REQUIRED, is_list=True),
    "trading": Section(
        {key: rule for key, rule in SYMBOL_KEYS.items() if key != "active"}, required=SYMBOL_REQUIRED
    ),
    "risk": Section(
        {
            **dict.fromkeys(
                (
                    "max_drawdown_daily", "max_drawdown_percent", "risk_percentage", "max_per_symbol_risk",
                    "max_slippage_usd", "max_total_exposure", "max_per_symbol", "price_collar_percent",
                    "max_notional_per_order", "max_message_rate", "max_order_rate",
                ),
                unenforced,
            ),
            "max_leverage": whole(1, 10_000),  # the broker's account ratio: information only
        }
    ),
    "gateway": Section(
        {
            "zmq_req_host": host,
            "zmq_req_port": whole(1, 65_535),
            "zmq_pub_host": host,
            "zmq_pub_port": whole(1, 65_535),
            "timeout_ms": whole(1, 60_000),
            "retry_attempts": whole(1, 10),
            "heartbeat_interval": whole(1, 60),
            "concurrent_symbols": only(True, "symbols always run side by side"),
            "zmq_lock_enabled": only(True, "one sender owns the socket"),
            "concurrent_request_delay_ms": whole(0, 1_000),
        }
    ),
    "session": Section(
        {
            "symbols": symbols,
            "duration_seconds": whole(0, 31_536_000),
            "max_loss": positive(6, "1000000000"),
            "deposit": positive(2, "1000000000"),
            "speed": whole(1, 36_000),
            "start": time,
            "data": folder,
            "seed": whole(0, 2**31 - 1),
            "ticks_per_second": whole(1, 1_000),
        }
    ),
    "signal": Section(
        {"rule": only("ema_cross", "the one signal there is"), "bar_seconds": whole(1, 86_400),
         "fast_bars": whole(1, 1_000), "slow_bars": whole(2, 5_000), "band_bps": whole(0, 1_000)}
    ),
    "market_data": Section({"timeframes": unused, "data_sources": unused, "buffer_interval": unused}),
    "trading_hours": Section(
        {
            "mode": only("24/7", "the venue's calendar holds"),
            "timezone": only("UTC", "the venue's calendar holds"),
            "weekend_trading": Section(dict.fromkeys(("enabled", "saturday", "sunday"), flag)),
        }
    ),
    "model": Section({"path": unused, "signal_threshold": unenforced, "min_confidence": unenforced}),
    "logging": Section(
        {"level": one_of(*LOG_LEVELS), "log_file": unused, "rotation": unused, "retention_days": unused}
    ),
    "monitoring": Section({"interval": whole(1, 3_600), "metrics": unused}),
    "metadata": Section(
        {
            "version": text, "created_date": text, "updated_date": text, "task_id": text, "description": text,
            "active_symbols_count": whole(0, 1_000), "total_symbols_count": whole(0, 1_000),
            "concurrent_trading_enabled": flag, "dual_track_active": flag, "active_symbol_list": symbols,
            "trading_mode": text,
        }
    ),
}  # fmt: skip
