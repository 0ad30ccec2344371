"""What should the book say? A ledger of 60 lines that shares nothing with ours: dictionaries, no database, no kernel.

It is the oracle of the state machine in tests/ledger/test_ledger_machine.py. Each refusal is the code it should have.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Leg = tuple[str, str, int]  # ledger account, asset, units


class Refused(Exception):
    """The code that the ledger should refuse with."""


@dataclass
class Entry:
    key: str
    book: str
    at: int
    memo: str
    legs: list[Leg]
    reverses: int | None = None


@dataclass
class ReferenceLedger:
    """`accounts` names each account's book."""

    accounts: dict[str, str]
    journals: list[Entry] = field(default_factory=list)

    def post(self, entry: Entry) -> tuple[int, bool]:
        """Return the number of the journal and whether it is new."""
        if len(entry.legs) < 2 or any(units == 0 for _, _, units in entry.legs):
            raise Refused("MALFORMED_JOURNAL")
        for asset in {asset for _, asset, _ in entry.legs}:
            if sum(units for _, name, units in entry.legs if name == asset) != 0:
                raise Refused("UNBALANCED")
        for number, known in enumerate(self.journals):
            if (known.key, known.book) == (entry.key, entry.book):
                if self._content(known) != self._content(entry):
                    raise Refused("KEY_REUSED")
                return number, False
        if any(self.accounts[account] != entry.book for account, _, _ in entry.legs):
            raise Refused("UNKNOWN_ACCOUNT")
        self.journals.append(entry)
        return len(self.journals) - 1, True

    def reverse(self, number: int, *, at: int) -> tuple[int, bool]:
        """Undo a journal once; the reversal of a journal that has one is that one."""
        journal = self.journals[number]
        if journal.reverses is not None:
            raise Refused("NOT_A_REVERSAL")
        for other, known in enumerate(self.journals):
            if known.reverses == number:
                return other, False
        legs = [(account, asset, -units) for account, asset, units in journal.legs]
        self.journals.append(Entry(f"reversal of {number}", journal.book, at, "", legs, reverses=number))
        return len(self.journals) - 1, True

    def balances(self, *, as_of: int | None = None) -> dict[tuple[str, str], int]:
        """Fold every leg that had occurred by `as_of`; zeros are left out."""
        sums: dict[tuple[str, str], int] = {}
        for journal in self.journals:
            if as_of is None or journal.at <= as_of:
                for account, asset, units in journal.legs:
                    sums[account, asset] = sums.get((account, asset), 0) + units
        return {place: units for place, units in sums.items() if units}

    def _content(self, entry: Entry) -> tuple[object, ...]:
        return entry.at, entry.memo, sorted(entry.legs)
