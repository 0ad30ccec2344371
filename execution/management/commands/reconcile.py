"""Do book and venue agree? Exit 1 on any break, and when a venue does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crs.kernel import clock
from crs.kernel.actor import machine
from crs.kernel.commands import JsonCommand, Outcome
from execution.operations import reconciling

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

COUNTS = ("matched", "mismatched", "book_only", "venue_only", "venue_initiated", "open_breaks", "positions_differ")


class Command(JsonCommand):
    """`reconcile [--venue V]`: book what the venue did by itself, then compare deals, cash and positions."""

    help = "Compare the book with the venue's deals, cash and positions; exit 1 on any difference."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--venue", help="code of one venue; all of them without it")

    def run(self, options: dict[str, Any]) -> Outcome:  # Any: argparse's own
        compared = reconciling.reconcile_venue(options["venue"], actor=machine("reconcile"), at=clock.now())
        totals = {name: sum(getattr(row, name) for row in compared) for name in COUNTS}
        accounts = [
            {
                "account": row.account,
                **{name: getattr(row, name) for name in COUNTS},
                "error": row.error,
                "ok": row.is_ok,
            }
            for row in compared
        ]
        lines = [
            f"{'✓' if row.is_ok else '✗'} {row.account}: "
            + (row.error or ", ".join(f"{name.replace('_', ' ')} {getattr(row, name)}" for name in COUNTS))
            for row in compared
        ]
        lines.append(f"{len(compared)} accounts compared" if compared else "nothing was compared: no account is served")
        return Outcome(
            {**totals, "accounts": accounts},
            lines,
            ok=all(row.is_ok for row in compared),
        )
