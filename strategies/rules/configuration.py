"""What may a session's configuration say, and what does it mean? Text in; a plan, or every fault at once, out.

Unknown keys are refused, and so is a limit that no rule of the gate enforces yet: a configured limit that nobody reads
is worse than none. A bad file stops the start and never falls back to defaults.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from crs.kernel.money import CASH_DECIMALS, LOT_DECIMALS, units_of
from crs.kernel.refusal import Refusal
from strategies.rules.schema import SECTIONS, Fault
from strategies.rules.signals import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAGIC_RESERVED = {202401: "system requests", 202604: "a retired symbol"}
GATEWAY_BUDGET_MS = 4_000  # guardian.md 15.7: the gateway's own waiting ends first


class ConfigurationWrong(Refusal):
    """The configuration has faults; `facts["errors"]` holds (path, message) of each."""

    code: ClassVar[str] = "CONFIGURATION_WRONG"
    title: ClassVar[str] = "The configuration is wrong"

    def __init__(self, faults: Sequence[Fault]) -> None:
        lines = [f"{fault.path or 'file'}: {fault.message}" for fault in faults]
        super().__init__("\n".join(lines), errors=[(fault.path, fault.message) for fault in faults])


class UnknownSymbol(Refusal):
    """No symbol of that name is configured."""

    code: ClassVar[str] = "UNKNOWN_SYMBOL"
    title: ClassVar[str] = "No such symbol"


@dataclass(frozen=True, slots=True)
class SymbolPlan:
    """How one symbol is traded: `lots` in 10⁻⁸ lots, stops in pips."""

    symbol: str
    magic: int
    lots: int
    stop_loss_pips: int
    take_profit_pips: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A validated configuration of one session. Money in 10⁻⁶ USD; `duration_s` 0 is endless; `version` names it."""

    symbols: tuple[SymbolPlan, ...]
    signal: Parameters
    duration_s: int
    loss_max_units: int
    deposit_units: int
    speed: int
    ticks_per_s: int | None  # per symbol, wall time; None leaves it to the gateway
    start: datetime
    data: str
    seed: int
    margin_mode: str
    currency: str
    heartbeat_s: int
    timeout_ms: int
    log_level: str
    version: str
    snapshot: Mapping[str, Any]  # as read, for the record; Any: JSON


def _text(loader: yaml.SafeLoader, node: yaml.Node) -> str:
    assert isinstance(node, yaml.ScalarNode)
    return str(loader.construct_scalar(node))


def _number(loader: yaml.SafeLoader, node: yaml.Node) -> Decimal:
    return Decimal(_text(loader, node).replace("_", "").lower().replace(".nan", "nan").replace(".inf", "inf"))


def _whole_number(loader: yaml.SafeLoader, node: yaml.Node) -> int:
    """Plain digits: YAML would read 010 as eight and 1:30 as ninety."""
    text = _text(loader, node).replace("_", "")
    if not re.fullmatch("[-+]?(0|[1-9][0-9]{0,77})", text):
        raise ValueError(f"{text[:60]} is no whole number in plain digits")
    return int(text)


class _Loader(yaml.SafeLoader):
    """YAML without floats and clocks of its own, and without a key that silently wins over its twin."""

    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        **yaml.SafeLoader.yaml_constructors,
        "tag:yaml.org,2002:float": _number,
        "tag:yaml.org,2002:int": _whole_number,
        "tag:yaml.org,2002:timestamp": _text,
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(problem=f"{key} stands twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def read(text: str) -> dict[str, Any]:
    """Return a configuration text as sections. Raises `ConfigurationWrong` when it is no YAML mapping."""
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 — a SafeLoader that knows no floats
    except yaml.YAMLError as error:
        raise ConfigurationWrong([Fault("", " ".join(str(error).split()))]) from error
    except RecursionError as error:
        raise ConfigurationWrong([Fault("", "is nested too deeply")]) from error
    except (ValueError, ArithmeticError) as error:
        raise ConfigurationWrong([Fault("", f"unreadable number: {error}")]) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationWrong([Fault("", "a configuration is a mapping of sections")])
    return content


def plan(*layers: Mapping[str, Any]) -> Plan:
    """Return the plan of the layers, the first one winning: command line, environment, file, default.

    Raises `ConfigurationWrong` with one line per fault, and `UnknownSymbol` for a symbol nobody configured.
    """
    faults = [fault for layer in layers for fault in _faults(layer)]
    if faults:
        raise ConfigurationWrong(faults)
    merged = _merged(layers)
    faults = list(_whole(merged))
    if faults:
        raise ConfigurationWrong(faults)
    return _plan(merged)


def _faults(layer: Mapping[str, Any]) -> Iterator[Fault]:
    for section, content in layer.items():
        if section not in SECTIONS:
            yield Fault(str(section), "unknown section")
            continue
        faults = list(SECTIONS[section].faults(content, section))
        yield from faults
        if not faults and not _is_storable(content):
            yield Fault(section, "holds a character that no database stores, such as NUL")


def _is_storable(content: Any) -> bool:  # Any: whatever YAML holds
    """Tell whether PostgreSQL can keep every text in it: no NUL, no half of a surrogate pair."""
    if isinstance(content, dict):
        return all(_is_storable(part) for pair in content.items() for part in pair)
    if isinstance(content, list):
        return all(map(_is_storable, content))
    return not isinstance(content, str) or not re.search("[\0\ud800-\udfff]", content)


def _merged(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Lay the layers over each other, key by key; lists and single-symbol `trading` replace as a whole."""
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        if "trading" in layer and "symbols" not in layer:
            layer = {**layer, "symbols": [layer["trading"]]}  # noqa: PLW2901 — the old single-symbol form
        for section, content in layer.items():
            old = merged.get(section)
            merged[section] = {**old, **content} if isinstance(old, dict) and isinstance(content, dict) else content
    return merged


def _whole(merged: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what no key can know alone: doubles, counts, contradictions."""
    symbols = merged.get("symbols", [])
    names = [entry["symbol"] for entry in symbols]
    magics = [entry["magic_number"] for entry in symbols]
    active = [entry["symbol"] for entry in symbols if entry.get("active", True)]
    for index, entry in enumerate(symbols):
        path = f"symbols[{index}]"
        if names.count(entry["symbol"]) > 1:
            yield Fault(f"{path}.symbol", f"{entry['symbol']} stands twice")
        if magics.count(entry["magic_number"]) > 1:
            yield Fault(
                f"{path}.magic_number", f"{entry['magic_number']} stands twice; a magic number is unique for ever"
            )
        if owner := MAGIC_RESERVED.get(entry["magic_number"]):
            yield Fault(f"{path}.magic_number", f"{entry['magic_number']} is reserved for {owner}")
        details = entry.get("risk_profile_details", {})
        if "lot_size" in details and details["lot_size"] != entry["lot_size"]:
            yield Fault(
                f"{path}.risk_profile_details.lot_size", f"{details['lot_size']} here, {entry['lot_size']} above"
            )
    if not active:
        yield Fault("symbols", "no symbol is active")
    yield from _counts(merged.get("metadata", {}), names, active)
    yield from _session(merged)


def _counts(metadata: Mapping[str, Any], names: list[str], active: list[str]) -> Iterator[Fault]:
    computed = {
        "active_symbols_count": len(active),
        "total_symbols_count": len(names),
        "active_symbol_list": active,
        "concurrent_trading_enabled": len(active) > 1,
    }
    for key, value in computed.items():
        if key in metadata and metadata[key] != value:
            yield Fault(f"metadata.{key}", f"{metadata[key]} is stated, {value} is counted")


def _session(merged: Mapping[str, Any]) -> Iterator[Fault]:
    signal = merged.get("signal", {})
    if signal.get("fast_bars", 0) >= signal.get("slow_bars", 0):
        yield Fault("signal.fast_bars", f"{signal.get('fast_bars')} is not below slow_bars {signal.get('slow_bars')}")
    if merged.get("gateway", {}).get("timeout_ms", 5_000) <= GATEWAY_BUDGET_MS:
        yield Fault("gateway.timeout_ms", f"must exceed the gateway's own budget of {GATEWAY_BUDGET_MS} ms")
    if base := merged.get("common", {}).get("base_currency"):
        accounts = merged.get("accounts", [])
        if any(account.get("currency", base) != base for account in accounts):
            yield Fault("accounts[0].currency", f"a session's account is in the base currency {base}")


def _plan(merged: Mapping[str, Any]) -> Plan:
    session, signal = merged["session"], merged["signal"]
    known = {entry["symbol"]: entry for entry in merged["symbols"]}
    chosen = session.get("symbols") or [name for name, entry in known.items() if entry.get("active", True)]
    if unknown := [name for name in chosen if name not in known]:
        raise UnknownSymbol(f"{', '.join(unknown)}: configured are {', '.join(known)}", symbols=unknown)
    snapshot = json.loads(json.dumps({**merged, "session": {**session, "symbols": list(chosen)}}, default=str))
    account = (merged.get("accounts") or [{}])[0]
    return Plan(
        symbols=tuple(_symbol(known[name]) for name in dict.fromkeys(chosen)),
        signal=Parameters(signal["bar_seconds"], signal["fast_bars"], signal["slow_bars"], signal["band_bps"]),
        duration_s=session["duration_seconds"],
        loss_max_units=units_of(str(session["max_loss"]), CASH_DECIMALS),
        deposit_units=units_of(str(session["deposit"]), CASH_DECIMALS),
        speed=session["speed"],
        ticks_per_s=session.get("ticks_per_second"),
        start=moment(session["start"]),
        data=session["data"],
        seed=session["seed"],
        margin_mode=account.get("margin_mode", "HEDGING"),
        currency=merged["common"]["base_currency"],
        heartbeat_s=merged["gateway"]["heartbeat_interval"],
        timeout_ms=merged["gateway"]["timeout_ms"],
        log_level=merged["common"]["log_level"],
        version=hashlib.sha256(json.dumps(snapshot, sort_keys=True).encode()).hexdigest()[:12],
        snapshot=snapshot,
    )


def _symbol(entry: Mapping[str, Any]) -> SymbolPlan:
    details = entry["risk_profile_details"]
    return SymbolPlan(
        symbol=entry["symbol"],
        magic=entry["magic_number"],
        lots=units_of(str(entry["lot_size"]), LOT_DECIMALS),
        stop_loss_pips=details["stop_loss_pips"],
        take_profit_pips=details["take_profit_pips"],
    )


def moment(text: str) -> datetime:
    """Return a venue time such as 2017-12-04T00:00:00Z; a time without zone is UTC. Raises `ValueError`."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
