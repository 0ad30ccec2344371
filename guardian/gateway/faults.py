"""How does the paper venue misbehave on request? Each fault is asked for by ACCOUNT_OPEN, FAULT or `--faults`.

| kind | what happens to `count` matching requests, each `every`-th one |
| --- | --- |
| DELAY | carried out `ms` later; its key answers PENDING until then |
| REJECT | refused with `code` and `retcode` |
| STALL | the account neither answers nor ticks for `ms`, from now on |
| LOSE_ANSWER | carried out, never answered |
| PARTIAL | filled in `parts` deals, and only `share_bps` of the volume |
| TORN_JOURNAL | the process dies in the middle of writing the record |
| LIE | `data` replaces fields of the answer |
| LAG | history and queries do not show the last `ms` (until `count` of them were asked) |

A fault lives in memory: a restarted gateway has none but those of `--faults`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

ORDERS: Final = ("ORDER_OPEN", "ORDER_CLOSE")
READS: Final = ("ORDER_QUERY", "GET_HISTORY")
# What a fault hits unless it says so itself; None is every action.
DEFAULT_ACTIONS: Final[dict[str, tuple[str, ...] | None]] = {
    "DELAY": None, "REJECT": ("ORDER_OPEN",), "STALL": (), "LOSE_ANSWER": ORDERS, "PARTIAL": ("ORDER_OPEN",),
    "TORN_JOURNAL": ORDERS, "LIE": ("PING",), "LAG": READS,
}  # fmt: skip


@dataclass(slots=True)
class Fault:
    """One fault and how often it still strikes."""

    kind: str
    left: int
    every: int
    missed: int
    actions: tuple[str, ...] | None
    ms: int
    parts: int
    share_bps: int
    code: str
    retcode: int
    data: dict[str, Any] = field(default_factory=dict)


def fault(payload: dict[str, Any]) -> Fault:
    """Return the fault that a FAULT payload asks for."""
    actions = payload["actions"]
    return Fault(
        kind=payload["kind"],
        left=payload["count"],
        every=payload["every"],
        missed=0,
        actions=tuple(actions) if actions is not None else DEFAULT_ACTIONS[payload["kind"]],
        ms=payload["ms"],
        parts=payload["parts"],
        share_bps=payload["share_bps"],
        code=payload["code"],
        retcode=payload["retcode"],
        data=payload["data"] or {},
    )


class Faults:
    """The faults that are due on one account, or on the whole gateway."""

    def __init__(self) -> None:
        self._due: list[Fault] = []

    def add(self, row: Fault) -> None:
        """Ask for one more."""
        self._due.append(row)

    def strike(self, kind: str, action: str) -> Fault | None:
        """Return the fault of this kind that hits this action now, and count it."""
        for row in self._due:
            if row.kind == kind and (row.actions is None or action in row.actions):
                row.missed += 1
                if row.missed < row.every:
                    continue
                row.missed, row.left = 0, row.left - 1
                if not row.left:
                    self._due.remove(row)
                return row
        return None
