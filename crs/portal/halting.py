"""Has it stopped? What is left? The latch is set in the request; the venues are called beside it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals import queries
from approvals.rules import scope as scopes
from crs.portal import reach
from execution import queries as execution_queries
from execution.operations import halting as operations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from approvals.models import HaltRelease
    from approvals.operations.killswitch import Engaged
    from approvals.rules.scope import Scope
    from crs.kernel.actor import Actor
    from execution.models import Order, Position

log = logging.getLogger(__name__)
T = TypeVar("T", "Order", "Position")
ALLOWED_S = 60  # from the click to a proved stop


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to stop: what, when it began, how long it took, and whether it went well."""

    name: str
    state: str
    ms: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Story:
    """One halt from its first second: who, why, the steps so far, what is still open, and its release."""

    scope: Scope
    epoch: int
    state: str  # ENGAGED, or SAFE once released
    positions: str
    reason: str
    engaged_by: str
    engaged_at: datetime
    released_at: datetime | None
    released_by: str
    steps: tuple[Step, ...]
    seconds: float | None
    orders: tuple[Order, ...]
    positions_open: tuple[Position, ...]
    release: HaltRelease | None

    @property
    def is_engaged(self) -> bool:
        return self.state == "ENGAGED"

    @property
    def done(self) -> int:
        """How many steps went well."""
        return sum(step.state == "DONE" for step in self.steps)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it changes any more."""
        return not self.is_engaged

    @property
    def used_percent(self) -> float:
        """How much of the allowed minute it took, in percent."""
        return 100 * (self.seconds or 0) / ALLOWED_S


def story(epoch: int) -> Story | None:
    """Return the halt that was engaged under `epoch`, or None if there was none."""
    events = list(queries.halt_events().filter(epoch=epoch))
    engaged = next((event for event in reversed(events) if event.action == "ENGAGE"), None)
    if engaged is None:
        return None
    scope = scopes.Scope(engaged.scope_type, engaged.scope_id)  # type: ignore[arg-type]  # the constraint knows the kinds
    now = queries.kill_switch(scope)
    assert now is not None, "an engaged scope has its row"
    is_current = now.epoch == epoch and now.state == "ENGAGED"
    receipt = next((event for event in events if event.action == "RECEIPT"), None)
    steps = _steps(receipt.receipt["steps"] if receipt and receipt.receipt else [])
    return Story(
        scope=scope,
        epoch=epoch,
        state="ENGAGED" if is_current else "SAFE",
        positions=now.positions if is_current else engaged.positions,
        reason=engaged.reason,
        engaged_by=engaged.actor,
        engaged_at=engaged.at,
        released_at=None if is_current else now.released_at,
        released_by="" if is_current else now.released_by,
        steps=steps,
        seconds=(receipt.at - engaged.at).total_seconds() if receipt else None,
        orders=_covered(scope, execution_queries.every_in_flight()) if is_current else (),
        positions_open=_covered(scope, execution_queries.every_open_position()) if is_current else (),
        release=queries.open_releases().filter(kill_switch=now).first() if is_current else None,
    )


def _steps(written: Sequence[dict[str, Any]]) -> tuple[Step, ...]:
    return tuple(
        Step(
            name=str(step.get("name", "")),
            state="DONE" if step.get("ok") else "FAILED",
            ms=step.get("ms"),
            detail=_detail(step),
        )
        for step in written
    )


def _detail(step: dict[str, Any]) -> str:
    """Return what a step of the receipt adds to its name; figures of 0 are left out."""
    orders, closed, left = (step.get(name, 0) for name in ("orders_cancelled", "positions_closed", "positions_left"))
    counted = (
        (orders, ngettext("%d order cancelled", "%d orders cancelled", orders)),
        (closed, ngettext("%d position closed", "%d positions closed", closed)),
        (left, ngettext("%d position left", "%d positions left", left)),
    )
    parts = [words % number for number, words in counted if number]
    if step.get("no_answer"):
        parts.append(_("no answer: %s") % ", ".join(step["no_answer"]))
    if not step.get("ok") and step.get("code"):
        parts.append(str(step["code"]))
    return " · ".join(parts)


def begin(engaged: Engaged, *, actor: Actor, at: datetime) -> None:
    """Call the venues for a halt whose row stands, without keeping the page waiting.

    This process may die meanwhile: the sweep each second then goes on where it was.
    """
    Thread(target=_carry_out, args=(engaged, actor, at), name=f"halt-{engaged.halt.epoch}", daemon=True).start()


def _carry_out(engaged: Engaged, actor: Actor, at: datetime) -> None:
    try:
        operations.carry_out(engaged, actor=actor, at=at)
    except Exception:
        # Nobody waits for this thread: what is not logged here is seen by nobody. The row stands and the sweep goes on.
        log.exception("halt %s was not brought to the venues", engaged.halt.epoch)
    finally:
        connection.close()


def _covered(scope: Scope, rows: Iterable[T]) -> tuple[T, ...]:
    return tuple(row for row in rows if scopes.covers(scope, reach.subject(row)))
