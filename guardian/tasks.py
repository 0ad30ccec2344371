"""Which doorbells does guardian answer?"""

from __future__ import annotations

from celery import current_task, shared_task
from django.utils.dateparse import parse_datetime

from crs.kernel import clock
from guardian.operations import signs


@shared_task(name="guardian.canary")
def canary(queue: str) -> None:
    """Write that a worker listens to `queue`; the supervisor starts a worker again that does not."""
    due_at = parse_datetime((current_task.request.headers or {}).get("due_at", ""))
    signs.answer_canary(queue, rung_at=due_at or clock.now())
