"""How is trading stopped when nothing else answers? By a command that needs PostgreSQL and the gateways alone."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

from approvals import queries as approvals_queries
from approvals.rules import scope as scopes
from crs.kernel import clock
from crs.kernel.actor import Actor
from crs.kernel.commands import JsonCommand, Outcome, add_json
from execution.operations import halting

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from execution.operations.halting import Receipt


class Command(JsonCommand):
    """`kill engage | release --scope S --reason TEXT`, engage also with `--positions keep|close`; `kill status`."""

    help = "Stop trading in a scope, show what is stopped, or release it at the machine."

    def add_options(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="action", required=True)
        engage = commands.add_parser("engage", help="stop new risk now, at our gate and at every covered gateway")
        _about(engage, "why it is stopped")
        engage.add_argument("--positions", choices=("keep", "close"), help="default: what the kind of scope asks for")
        add_json(commands.add_parser("status", help="what stands still now"))
        _about(commands.add_parser("release", help="let a scope trade again"), "cause and remedy")

    def run(self, options: dict[str, Any]) -> Outcome:  # Any: argparse's own
        if options["action"] == "status":
            return _status()
        at = clock.now()
        scope = scopes.parse(options["scope"])
        if options["action"] == "release":
            return _told(halting.release(scope=scope, reason=options["reason"], actor=_who(), at=at))
        positions = options["positions"] and options["positions"].upper()
        return _told(
            halting.engage(scope=scope, reason=options["reason"], positions=positions, actor=_who(), at=at)
        )  # fmt: skip


def _about(parser: CommandParser, reason: str) -> None:
    add_json(parser)
    parser.add_argument("--scope", required=True, help="GLOBAL or KIND:id, such as SYMBOL:XAUUSD.s; any case")
    parser.add_argument("--reason", required=True, help=reason)


def _who() -> Actor:
    """Whoever can run this holds the files of the installation: the name is the machine's login."""
    return Actor("machine", f"kill:{getpass.getuser()}")


def _told(receipt: Receipt) -> Outcome:
    seconds = receipt.ms / 1000
    facts = {
        "scope": receipt.scope,
        "epoch": receipt.epoch,
        "state": receipt.state,
        "steps": [step.as_json() for step in receipt.steps],
        "seconds": seconds,
    }
    lines = [f"{'✓' if step.ok else '✗'} {step.name} ({step.ms} ms) {_words(step.facts)}" for step in receipt.steps]
    verdict = "stopped" if receipt.state == "ENGAGED" else "released"
    lines.append(
        f"{receipt.scope} {verdict}, epoch {receipt.epoch}, {seconds} s{'' if receipt.ok else ', NOT COMPLETE'}"
    )
    return Outcome(facts, lines, ok=receipt.ok)


def _words(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items() if value not in ("", 0, []))


def _status() -> Outcome:
    halts = approvals_queries.halts()
    engaged = [
        {
            "scope": str(halt.scope),
            "epoch": halt.epoch,
            "positions": halt.positions,
            "reason": halt.reason,
            "engaged_at": halt.engaged_at,
            "engaged_by": halt.engaged_by,
        }
        for halt in halts.engaged
    ]
    modes = [{"scope": str(row.scope), "mode": row.mode, "reason": row.reason} for row in halts.modes]
    state = "ENGAGED" if engaged else "SAFE"
    lines = [f"{row['scope']} stopped at {row['engaged_at']} ({row['positions']}): {row['reason']}" for row in engaged]
    lines += [f"{row['scope']} {row['mode']}: {row['reason']}" for row in modes]
    lines.append(f"{state}, epoch {halts.epoch}")
    facts = {
        "scope": " ".join(str(row["scope"]) for row in engaged),
        "epoch": halts.epoch,
        "state": state,
        "steps": [],
        "seconds": 0.0,
        "engaged": engaged,
        "modes": modes,
    }
    return Outcome(facts, lines)
