"""How may a row's state change? One table makes the refusal, the CHECK constraint, the docs and the property test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping


class MoveRefused(Refusal):
    """The state machine has no such edge."""

    code: ClassVar[str] = "MOVE_REFUSED"
    title: ClassVar[str] = "The state cannot change like this"
    status: ClassVar[int] = 409


@dataclass(frozen=True)
class Lifecycle:
    """States and the moves between them; a state without moves is final."""

    moves: Mapping[str, frozenset[str]]

    def __post_init__(self) -> None:
        unknown = {after for targets in self.moves.values() for after in targets} - set(self.moves)
        assert not unknown, f"states without a row: {sorted(unknown)}"

    @property
    def states(self) -> tuple[str, ...]:
        """All states, in the order of the table."""
        return tuple(self.moves)

    @property
    def final(self) -> frozenset[str]:
        """States that nothing leaves."""
        return frozenset(state for state, targets in self.moves.items() if not targets)

    def refuse(self, before: str, after: str) -> None:
        """Raise `MoveRefused` unless `before` → `after` is an edge."""
        if after not in self.moves[before]:
            raise MoveRefused(f"{before} cannot become {after}", before=before, after=after)

    def choices(self) -> list[tuple[str, str]]:
        """The states as Django choices."""
        return [(state, state) for state in self.moves]
