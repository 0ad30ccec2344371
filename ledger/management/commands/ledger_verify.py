"""Does the book stand? Every journal balances and has its legs and its leaf; every balance is its postings' fold."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from crs.kernel.commands import JsonCommand, Outcome
from ledger import queries


class Command(JsonCommand):
    """`ledger_verify`: one REPEATABLE READ view of the whole book; exit 1 when anything is wrong."""

    help = "Check the whole book in one view: balance, legs, leaves, maintained balances. Exit 1 on any fault."

    def run(self, options: dict[str, Any]) -> Outcome:  # noqa: ARG002 — the base's signature; Any: argparse's own
        found = queries.verify()
        lines = [f"{name.replace('_', ' ')}: {number}" for name, number in asdict(found).items()]
        return Outcome(
            asdict(found), [*lines, "the book stands" if found.is_ok else "the book is broken"], ok=found.is_ok
        )
