"""Which doorbells does approvals answer?"""

from __future__ import annotations

from celery import shared_task

from approvals.operations import idempotency
from crs.kernel import clock


@shared_task(name="approvals.forget_answers")
def forget_answers() -> None:
    """Drop the kept answers of idempotent calls that are older than 30 days."""
    idempotency.forget(at=clock.now())
