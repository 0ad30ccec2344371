"""Which doorbells does trading answer?"""

from __future__ import annotations

from celery import shared_task

from crs.kernel import clock, work
from strategies import queries
from strategies.operations import sessions, slices, succession


@shared_task(name=sessions.TRADE_TASK)
def trade_group(group_id: int) -> None:
    """Trade one slice of a session; whoever finds the group held leaves it."""
    slices.trade(group_id=group_id, holder=succession.holder(), now=clock.now)


@shared_task(name="strategies.ring_groups")
def ring_groups() -> None:
    """Ring for the groups that nobody holds."""
    for group_id in queries.free_groups():
        work.ring(sessions.TRADE_TASK, group_id)
