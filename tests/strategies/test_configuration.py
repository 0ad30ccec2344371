"""A configuration is taken as a whole or refused with every fault, one line each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from strategies.rules import configuration
from strategies.rules.configuration import ConfigurationWrong, UnknownSymbol

DEFAULT = (Path(configuration.__file__).parent.parent / "configuration" / "default.yaml").read_text()

# text laid over the default → the one line it must give
FAULTS = {
    "sesion: {}": "sesion: unknown section",
    "session: {sped: 1}": "session.sped: unknown key",
    "session: 7": "session: must be a mapping, not 7",
    "session: {speed: 0}": "session.speed: must be a whole number from 1 to 36000, not 0",
    "session: {speed: 1.5}": "session.speed: must be a whole number from 1 to 36000, not '1.5'",
    "session: {speed: true}": "session.speed: must be a whole number from 1 to 36000, not True",
    "session: {max_loss: -5}": "session.max_loss: must be a number above 0",
    "session: {max_loss: 0}": "session.max_loss: must be a number above 0",
    "session: {max_loss: .nan}": "session.max_loss: must be a number above 0",
    "session: {max_loss: .inf}": "session.max_loss: must be a number above 0",
    "session: {max_loss: null}": "session.max_loss: must be a number above 0",
    "session: {max_loss: 0.0000001}": "session.max_loss: must be a number above 0",
    "session: {start: yesterday}": "session.start: must be a time such as 2017-12-04T00:00:00Z, not 'yesterday'",
    "session: {duration_seconds: -1}": "session.duration_seconds: must be a whole number from 0",
    "session: {symbols: [BTC]}": "session.symbols: must be six capitals with optional .m or .s, not 'BTC'",
    "signal: {fast_bars: 12}": "signal.fast_bars: 12 is not below slow_bars 12",
    "signal: {rule: model}": "signal.rule: must be ema_cross: the one signal there is, not 'model'",
    "gateway: {timeout_ms: 4000}": "gateway.timeout_ms: must exceed the gateway's own budget of 4000 ms",
    "gateway: {zmq_req_host: 255.255.255.255}": "gateway.zmq_req_host: 255.255.255.255 is a network or broadcast",
    "gateway: {zmq_pub_host: 0.0.0.0}": "gateway.zmq_pub_host: 0.0.0.0 is a network or broadcast address",
    "gateway: {zmq_lock_enabled: false}": "gateway.zmq_lock_enabled: must be True",
    "risk: {max_drawdown_daily: 50.0}": "risk.max_drawdown_daily: no rule enforces this limit yet: remove it",
    "risk: {max_order_rate: 5}": "risk.max_order_rate: no rule enforces this limit yet: remove it",
    "model: {signal_threshold: 0.55}": "model.signal_threshold: no rule enforces this limit yet: remove it",
    "accounts: [{login: 7}]": "accounts[0].login: nothing uses this setting yet: remove it",
    "accounts: [{venue: MT5}]": "accounts[0].venue: must be PAPER",
    "accounts: [{}, {}]": "accounts: has 2 entries, at most 1",
    "symbols: []": "symbols: must be a list with at least one entry",
    "symbols: [{symbol: BTCUSD.s}]": "symbols[0].magic_number: is missing",
    "metadata: {active_symbols_count: 4}": "metadata.active_symbols_count: 4 is stated, 3 is counted",
    "metadata: {total_symbols_count: 3}": "metadata.total_symbols_count: 3 is stated, 4 is counted",
    "metadata: {active_symbol_list: [BTCUSD.s]}": "metadata.active_symbol_list: ['BTCUSD.s'] is stated",
    "session: {speed: 1, speed: 2}": "file: speed stands twice",
    "session: [": "file: while parsing a flow node",
    "- a list": "file: a configuration is a mapping of sections",
    "[" * 3_000: "file: is nested too deeply",
    "session: {symbols: [BTCUSD.s, BTCUSD.s]}": "session.symbols: BTCUSD.s stands twice",
    "session: {duration_seconds: 010}": "file: unreadable number: 010 is no whole number in plain digits",
    "session: {duration_seconds: 1:30}": "file: unreadable number: 1:30 is no whole number in plain digits",
    'session: {max_loss: "٣٠"}': "session.max_loss: must be a number above 0",
    "session: {max_loss: 1.0e+3}": "session.max_loss: must be a number above 0",
    'session: {data: "a\\0b"}': "session: holds a character that no database stores, such as NUL",
}


def symbol(**changes: object) -> str:
    entry = {
        "symbol": "BTCUSD.s",
        "magic_number": 202601,
        "lot_size": "0.01",
        "risk_profile_details": {"stop_loss_pips": 5000, "take_profit_pips": 10000},
    }
    return yaml.safe_dump({"symbols": [{**entry, **changes}]})


def plan(*texts: str) -> configuration.Plan:
    return configuration.plan(*[configuration.read(text) for text in (*texts, DEFAULT)])


def test_the_default_trades_three_symbols_with_the_demo_lots() -> None:
    default = plan()
    assert {entry.symbol: entry.lots for entry in default.symbols} == {
        "BTCUSD.s": 1_000_000,
        "ETHUSD.s": 10_000_000,
        "XAUUSD.s": 10_000_000,
    }
    assert (default.duration_s, default.speed, default.loss_max_units) == (1800, 3600, 100_000_000)
    assert default.start == datetime(2017, 12, 4, tzinfo=UTC)


@pytest.mark.parametrize(("text", "line"), FAULTS.items())
def test_a_fault_gives_its_line(text: str, line: str) -> None:
    with pytest.raises(ConfigurationWrong) as refused:
        plan(text)
    assert refused.value.detail.startswith(line)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"symbol": "btcusd"}, "symbols[0].symbol: must be six capitals"),
        ({"slippage_tolerance": 10}, "symbols[0].slippage_tolerance: no rule enforces this limit yet"),
        ({"magic_number": 202401}, "symbols[0].magic_number: 202401 is reserved for system requests"),
        ({"magic_number": 202604}, "symbols[0].magic_number: 202604 is reserved for a retired symbol"),
        ({"lot_size": "-0.01"}, "symbols[0].lot_size: must be a number above 0"),
        ({"lot_size": "0.000000001"}, "symbols[0].lot_size: must be a number above 0"),
        ({"risk_profile": {"max_dd_percent": 5}}, "symbols[0].risk_profile: is a name"),  # P43
        (
            {"risk_profile_details": {"stop_loss_pips": 5}},
            "symbols[0].risk_profile_details.take_profit_pips: is missing",
        ),
        (
            {"risk_profile_details": {"stop_loss_pips": 5, "take_profit_pips": 5, "max_dd_percent": 5}},
            "symbols[0].risk_profile_details.max_dd_percent: no rule enforces this limit yet",
        ),
        (
            {"risk_profile_details": {"stop_loss_pips": 5, "take_profit_pips": 5, "lot_size": "0.02"}},
            "symbols[0].risk_profile_details.lot_size: 0.02 here, 0.01 above",
        ),
        ({"active": False}, "symbols: no symbol is active"),
    ],
)
def test_a_fault_of_a_symbol_gives_its_line(changes: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigurationWrong) as refused:
        plan(symbol(**changes))
    assert refused.value.detail.startswith(line)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ConfigurationWrong) as refused:
        plan("session: {speed: 0, sped: 1}", "risk: {max_per_symbol: 1.0}")
    assert [path for path, _ in refused.value.facts["errors"]] == [  # type: ignore[attr-defined]  # a list of pairs
        "session.speed",
        "session.sped",
        "risk.max_per_symbol",
    ]


def test_the_first_layer_wins_key_by_key() -> None:
    """P50: command line before environment before file before default, and never a silent fall back."""
    mixed = plan("session: {speed: 1}", "session: {speed: 2, seed: 9}", "session: {seed: 3, max_loss: 5}")
    assert (mixed.speed, mixed.seed, mixed.loss_max_units, mixed.duration_s) == (1, 9, 5_000_000, 1800)


def test_an_inactive_symbol_runs_only_when_it_is_named() -> None:
    assert "EURUSD.s" not in [entry.symbol for entry in plan().symbols]  # P27
    assert [entry.symbol for entry in plan("session: {symbols: [EURUSD.s]}").symbols] == ["EURUSD.s"]


def test_an_unknown_symbol_is_refused_by_its_own_code() -> None:
    with pytest.raises(UnknownSymbol, match=r"USDJPY\.s"):
        plan("session: {symbols: [USDJPY.s]}")


def test_the_old_single_symbol_form_is_taken() -> None:
    entry = yaml.safe_load(symbol())["symbols"][0]
    assert [found.symbol for found in plan(yaml.safe_dump({"trading": entry})).symbols] == ["BTCUSD.s"]


def test_the_version_follows_the_content() -> None:
    assert plan().version == plan("session: {speed: 3600}").version != plan("session: {speed: 60}").version
