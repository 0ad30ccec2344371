"""What stands still right now, and what follows from it for an order?

`Halts` is one consistent reading of the engaged kill switches, the modes and the epoch. It is made by
`approvals.queries.halts()` and by the local copy that the order path asks (`approvals.adapters.halt_watch`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from approvals.rules import scope as scopes
from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from approvals.rules.scope import Key, Kind, Scope, Subject

Positions = Literal["KEEP", "CLOSE"]
ModeName = Literal["NORMAL", "REDUCE_ONLY", "FORCE_CLOSE"]
MODES: tuple[ModeName, ...] = ("NORMAL", "REDUCE_ONLY", "FORCE_CLOSE")  # ever stricter

# Polled each 250 ms; four missed polls mean that nobody knows any more whether trading is stopped.
COPY_AGE_MS_MAX = 1_000
POLL_MS = 250

# What happens to open positions when whoever engages does not say. Source: specification, kill switch, positions.
POSITIONS_BY_KIND: Mapping[Kind, Positions] = {
    "GLOBAL": "CLOSE",
    "DESK": "CLOSE",
    "ACCOUNT": "CLOSE",
    "CHAIN": "CLOSE",
    "STRATEGY": "CLOSE",
    "VENUE": "KEEP",
    "SYMBOL": "KEEP",
    "KEY": "KEEP",
}


class Halted(Refusal):
    """A kill switch that covers the subject is engaged: no new risk. Exits always pass."""

    code: ClassVar[str] = "HALTED"
    title: ClassVar[str] = "Trading is stopped here"
    status: ClassVar[int] = 409


class HaltsUnknown(Refusal):
    """The copy of the halts is older than 1 s: nobody knows whether trading is stopped, so it is."""

    code: ClassVar[str] = "HALTS_UNKNOWN"
    title: ClassVar[str] = "Whether trading is stopped cannot be read"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True)
class Halt:
    """One engaged kill switch."""

    id: int
    scope: Scope
    positions: Positions
    epoch: int
    reason: str
    engaged_at: datetime
    engaged_by: str


@dataclass(frozen=True, slots=True)
class Moded:
    """A scope in REDUCE_ONLY or FORCE_CLOSE; NORMAL scopes are not listed."""

    scope: Scope
    mode: ModeName
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Halts:
    """Every engaged kill switch and every mode but NORMAL, read in one statement at `read_at` (database clock)."""

    engaged: tuple[Halt, ...]
    modes: tuple[Moded, ...]
    epoch: int
    read_at: datetime
    keys: frozenset[Key] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset(halt.scope.key for halt in self.engaged))

    def covering(self, subject: Subject) -> tuple[Halt, ...]:
        """Return the halts that stop `subject`, the widest scope first."""
        if self.keys.isdisjoint(subject.keys):  # the usual answer, in nanoseconds
            return ()
        return tuple(halt for halt in self.engaged if scopes.covers(halt.scope, subject))

    def is_safe(self, subject: Subject) -> bool:
        """Return whether no engaged kill switch covers `subject`."""
        return self.keys.isdisjoint(subject.keys)

    def mode_of(self, subject: Subject) -> Moded | None:
        """Return the strictest mode that covers `subject`, or None while all is NORMAL."""
        covering = [moded for moded in self.modes if scopes.covers(moded.scope, subject)]
        return max(covering, key=lambda moded: MODES.index(moded.mode), default=None)


def refuse_halted(halts: Halts, subject: Subject) -> None:
    """Raise `Halted` when a kill switch covers `subject`."""
    if not halts.is_safe(subject):
        halt = halts.covering(subject)[0]
        raise Halted(f"{halt.scope}: {halt.reason}", scope=str(halt.scope), epoch=halt.epoch)
