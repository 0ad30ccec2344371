"""`manage.py kill` and `manage.py reconcile`, as a person runs them: in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from approvals import queries as approvals_queries
from approvals.rules.scope import GLOBAL
from crs.kernel import clock
from execution.operations import exits
from guardian.adapters.gateway_mt5.blocking import BlockingWire
from ledger import queries as ledger_queries
from tests.execution.venue import MAGIC, VenueDesk
from tests.support.cast import WORKER
from tests.support.paper_gateway import order as foreign_order
from tests.support.paper_gateway import trade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.paper_gateway import PaperGateway

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parent.parent.parent
NOWHERE = "127.0.0.1:9"  # discard: nothing listens


@pytest.fixture
def own_desk(own_gateway: PaperGateway, transactional_db: None) -> Iterator[VenueDesk]:
    ledger_queries.forget()
    with BlockingWire(own_gateway.address) as wire:
        yield VenueDesk.open(wire)
    ledger_queries.forget()


def manage(
    gateway: PaperGateway, *arguments: str, gateway_url: str = "", database_url: str = ""
) -> tuple[int, dict[str, Any], str]:
    """Run a command with PostgreSQL and the gateway alone, and return (exit code, its JSON, what it said)."""
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments, "--json"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": database_url or f"{url}/{database['NAME']}",
            "REDIS_URL": f"redis://:x@{NOWHERE}/0",
            "GATEWAY_COMMAND_URL": gateway_url or gateway.command,
            "GATEWAY_TICKS_URL": f"tcp://{NOWHERE}",
            "GATEWAY_KEY_FILE": str(gateway.folder / "gateway.key"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "{}"
    return done.returncode, json.loads(last), done.stdout + done.stderr


def test_kill_works_with_web_worker_beat_and_valkey_dead(own_desk: VenueDesk, own_gateway: PaperGateway) -> None:
    """The row, the gateways and the receipt need PostgreSQL and the gateways, and nothing else."""
    own_desk.trade()
    code, said, out = manage(own_gateway, "kill", "engage", "--scope", "global", "--reason", "drill")
    assert code == 0, out
    assert (said["scope"], said["state"], said["ok"]) == ("GLOBAL", "ENGAGED", True)
    assert {"name", "started_at", "ms", "ok"} <= set(said["steps"][0])
    assert own_desk.positions() == ()
    assert own_desk.decide().intent.reason == "KILL_SWITCH_ENGAGED"

    code, status, _ = manage(own_gateway, "kill", "status")
    assert (code, status["state"], status["scope"], status["epoch"]) == (0, "ENGAGED", "GLOBAL", said["epoch"])

    code, released, out = manage(own_gateway, "kill", "release", "--scope", "GLOBAL", "--reason", "looked at it")
    assert code == 0, out
    assert (released["state"], released["epoch"] > said["epoch"]) == ("SAFE", True)
    exits.carry_out(actor=WORKER, at=clock.now())
    own_desk.adopt()
    assert own_desk.trade().state == "FILLED"


def test_kill_with_a_dead_gateway_blocks_here_and_names_who_did_not_answer(
    own_desk: VenueDesk, own_gateway: PaperGateway
) -> None:
    code, said, _ = manage(
        own_gateway, "kill", "engage", "--scope", "GLOBAL", "--reason", "drill", "--positions", "keep",
        gateway_url=f"tcp://{NOWHERE}",
    )  # fmt: skip
    assert (code, said["ok"]) == (1, False)
    assert said["steps"][-1]["no_answer"] == ["PAPER"]
    assert not approvals_queries.halts().is_safe(own_desk.subject())


@pytest.mark.parametrize("scope", ["NOTHING:x", "DESK:", "DESK:nobody", "GLOBAL:x"])
def test_kill_refuses_a_scope_that_stops_nothing(own_desk: VenueDesk, own_gateway: PaperGateway, scope: str) -> None:
    code, said, _ = manage(own_gateway, "kill", "engage", "--scope", scope, "--reason", "drill")
    assert (code, said["ok"], bool(said["code"])) == (2, False, True)
    assert approvals_queries.kill_switch(GLOBAL) is None


def test_reconcile_agrees_and_finds_what_does_not(own_desk: VenueDesk, own_gateway: PaperGateway) -> None:
    own_desk.trade()
    own_desk.trade(side="SELL", reduce_only=True)
    code, said, out = manage(own_gateway, "reconcile")
    assert code == 0, out
    assert (said["ok"], said["matched"], said["open_breaks"]) == (True, 3, 0)  # deposit, in, out

    trade(own_desk.wire, own_desk.account.login, foreign_order(magic=MAGIC))  # our number, and no order of ours
    code, said, _ = manage(own_gateway, "reconcile", "--venue", "paper")
    assert (code, said["ok"], said["venue_only"], said["open_breaks"] > 0) == (1, False, 1, True)


def test_reconcile_of_a_venue_that_nobody_knows_is_no_agreement(own_desk: VenueDesk, own_gateway: PaperGateway) -> None:
    code, said, out = manage(own_gateway, "reconcile", "--venue", "nope")
    assert (code, said["ok"], said["code"]) == (2, False, "UNKNOWN_VENUE"), out


def test_reconcile_addressed_to_another_gateway_is_no_agreement(
    own_desk: VenueDesk, own_gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_ID", "OTHER")
    code, said, out = manage(own_gateway, "reconcile")
    assert (code, said["ok"], said["code"]) == (2, False, "UNKNOWN_VENUE"), out


def test_reconcile_says_when_there_was_nothing_to_compare(own_gateway: PaperGateway) -> None:
    _, _, out = manage(own_gateway, "reconcile")
    assert "nothing was compared" in out


@pytest.mark.parametrize("command", [("kill", "engage", "--scope", "GLOBAL", "--reason", "drill"), ("reconcile",)])
def test_a_command_without_its_database_says_so_in_one_line(
    own_gateway: PaperGateway, command: tuple[str, ...]
) -> None:
    """A person at 3 a.m. gets a code and a sentence, and no page of Python."""
    code, said, out = manage(own_gateway, *command, database_url=f"postgresql://crs_app:x@{NOWHERE}/crs")
    assert (code, said["ok"], said["code"]) == (2, False, "DATABASE_AWAY"), out
    assert "Traceback" not in out
    assert len(out.strip().splitlines()) == 2  # the object, and the line


def test_reconcile_without_a_gateway_is_no_agreement(own_desk: VenueDesk, own_gateway: PaperGateway) -> None:
    code, said, _ = manage(own_gateway, "reconcile", gateway_url=f"tcp://{NOWHERE}")
    assert (code, said["ok"]) in ((1, False), (2, False))
