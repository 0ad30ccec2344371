"""Who keeps the timetable? This process, once it leads."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from crs import beat, checks


class Command(BaseCommand):
    help = "Keep the timetable: wait for the lead, then ring what is due, until a signal."
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        checks.refuse_a_mighty_application()
        beat.keep_timetable()
