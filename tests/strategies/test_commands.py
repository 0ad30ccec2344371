"""What a person types: a session, the demo desk, and what is refused in one line with its code."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from strategies import queries
from strategies.management.commands import session as command
from strategies.models import Session, SymbolRun
from strategies.rules import configuration
from tests.strategies import stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.paper_gateway import PaperGateway


def run(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(*arguments, "--json", stdout=out)
    return dict(json.loads(out.getvalue().splitlines()[-1]))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play the worker: trade whenever the command looks."""
    real = queries.session

    def traded(session_id: int) -> Session:
        stage.trade(real(session_id))
        return real(session_id)

    monkeypatch.setattr(queries, "session", traded)


def test_a_session_prints_its_report_and_ends_with_one_object(gateway: PaperGateway, at_once: None) -> None:
    report = run("session", "--symbols", "BTCUSD.s", "--duration", "3", "--speed", "18000")
    assert report["ok"]
    assert report["reconciled"]
    assert {"trades", "fills", "heartbeats", "errors", "pnl"} <= report["symbols"]["BTCUSD.s"].keys()
    assert {
        "total_pnl", "trades_executed", "max_drawdown", "started_at", "ended_at", "duration_s", "venue_time",
        "slots_total", "slots_concurrent", "halted", "halt_reason", "currency", "ledger_nav_change",
        "gateway_equity_change",
    } <= report.keys()  # fmt: skip


def test_ctrl_c_ends_a_session_cleanly(gateway: PaperGateway, at_once: None) -> None:
    def interrupt() -> None:
        stage.eventually(lambda: SymbolRun.objects.filter(ticks__gt=0).exists())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    report = run("session", "--symbols", "BTCUSD.s", "--duration", "0", "--speed", "18000")
    thread.join()
    assert (report["halted"], report["reconciled"]) == (False, True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--speed", "fast"], "CONFIGURATION_WRONG"),
        (["--max-loss", "-5"], "CONFIGURATION_WRONG"),
        (["--max-loss", "nan"], "CONFIGURATION_WRONG"),
        (["--duration", "ten"], "CONFIGURATION_WRONG"),
        (["--start", "soon"], "CONFIGURATION_WRONG"),
        (["--symbols", "USDJPY.s"], "UNKNOWN_SYMBOL"),
        (["--config", "there-is-no-such-file.yaml"], "CONFIGURATION_WRONG"),
        (["--duration", "٣٠"], "CONFIGURATION_WRONG"),
        (["--speed", "٣"], "CONFIGURATION_WRONG"),
        (["--seed", "٣"], "CONFIGURATION_WRONG"),
        (["--max-loss", "٣٠"], "CONFIGURATION_WRONG"),
        (["--max-loss", "1_0"], "CONFIGURATION_WRONG"),
        (["--start", "２０１７-12-20T00:00:00Z"], "CONFIGURATION_WRONG"),
        (["--seed", "9" * 5_000], "CONFIGURATION_WRONG"),
        (["--data", "a" * 5_000], "CONFIGURATION_WRONG"),
        (["--symbols", "BTCUSD.s,BTCUSD.s"], "CONFIGURATION_WRONG"),
    ],
)
def test_bad_usage_is_one_line_with_its_code_and_starts_nothing(arguments: list[str], code: str) -> None:
    with pytest.raises(CommandError, match=f"^{code}: ") as refused:
        call_command("session", *arguments)
    assert refused.value.returncode == 2
    assert not Session.objects.exists()


OPTIONS = ("--symbols", "--duration", "--max-loss", "--speed", "--data", "--start", "--seed", "--config")


@pytest.mark.django_db
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_option_never_means_its_default(option: str, empty: str) -> None:
    with pytest.raises(CommandError, match=f"^CONFIGURATION_WRONG: {option}: is empty"):
        call_command("session", option, empty)
    assert not Session.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("option", OPTIONS)
def test_an_empty_variable_never_means_its_default(option: str, settings: Any) -> None:
    name = option.removeprefix("--").replace("-", "_")
    if name == "config":
        settings.SESSION_CONFIG = ""
    else:
        settings.SESSION_OPTIONS = {**settings.SESSION_OPTIONS, name: ""}
    with pytest.raises(CommandError, match=f"^CONFIGURATION_WRONG: CRS_SESSION_{name.upper()}: is empty"):
        call_command("session", "--symbols", "BTCUSD.s")
    assert not Session.objects.exists()


@pytest.mark.django_db
def test_the_environment_stands_between_command_line_and_file(settings: Any, tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text("session: {speed: 7, seed: 8, max_loss: 9}")
    settings.SESSION_OPTIONS = {**settings.SESSION_OPTIONS, "speed": "5", "seed": "6"}
    options = dict.fromkeys(settings.SESSION_OPTIONS) | {"config": str(file), "speed": "4"}
    plan = configuration.plan(*command._layers(options))
    assert (plan.speed, plan.seed, plan.loss_max_units, plan.duration_s) == (4, 6, 9_000_000, 1800)


@pytest.mark.django_db
def test_the_demo_desk_is_made_once(settings: Any, tmp_path: Path) -> None:
    settings.CRS_STATE_DIR = tmp_path
    first, second = run("demo_desk"), run("demo_desk")
    assert first == second
    assert [(user["name"], user["role"]) for user in first["users"]] == [
        ("alice", "operator"),
        ("bob", "risk"),
        ("vera", "viewer"),
        ("adam", "administrator"),
    ]
    for user in first["users"]:
        path = tmp_path / "secrets" / f"{user['name']}.password"
        assert str(path) == user["password_file"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert get_user_model().objects.get(username=user["name"]).check_password(path.read_text())
    session = Session.objects.get()
    assert (session.is_demo, session.speed, session.duration_s) == (True, 60, 0)


@pytest.mark.django_db
def test_a_demo_session_that_has_ended_is_followed_by_a_new_one(settings: Any, tmp_path: Path) -> None:
    settings.CRS_STATE_DIR = tmp_path
    ended = run("demo_desk")["session"]
    Session.objects.filter(pk=ended).update(state="FAILED")
    assert run("demo_desk")["session"] != ended
