"""How do the halts become facts of the gate? The same reading for the order, the signal and the moment of sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from approvals.rules import scope as scopes
from approvals.rules.halts import MODES
from execution.rules.facts import HaltCopy, ModeCopy

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.rules.halts import Halts
    from approvals.rules.scope import Subject


def halt_copy(
    halts: Halts, subject: Subject, *, read_at: datetime | None = None, epoch_known: int | None = None
) -> HaltCopy:
    """Return what the gate may know of `halts`; `read_at` stands for the reading's own time where that is fresh."""
    return HaltCopy(
        read_at=read_at or halts.read_at,
        epoch=halts.epoch,
        covering=tuple(str(halt.scope) for halt in halts.covering(subject)),
        epoch_known=epoch_known,
    )


def mode_copy(halts: Halts, subject: Subject) -> ModeCopy:
    """Return the modes that cover `subject`, strictest first."""
    covering = [moded for moded in halts.modes if scopes.covers(moded.scope, subject)]
    covering.sort(key=lambda moded: -MODES.index(moded.mode))
    return ModeCopy(covering=tuple(f"{moded.mode} {moded.scope}" for moded in covering))
