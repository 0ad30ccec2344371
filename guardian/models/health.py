"""Who was seen at work, and when? Rows that the supervisor, `/readyz` and `/metrics` read."""

from __future__ import annotations

from django.db import models

from crs.kernel.work import DatabaseClock


class ScheduledRun(models.Model):
    """One run of one row of the timetable, made by beat before it rings. Never changed; beat forgets old ones.

    P-2: a schedule runs once for each moment it is due, even while two beats believe that they lead.
    """

    schedule = models.CharField(max_length=200, help_text="The name of the periodic task.")
    due_at = models.DateTimeField(help_text="The moment of the timetable, the same for every beat.")
    made_at = models.DateTimeField(db_default=DatabaseClock(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schedule", "due_at"], name="scheduledrun_once")]
        indexes = [models.Index(fields=["made_at"], name="scheduledrun_made")]

    def __str__(self) -> str:
        return f"{self.schedule} at {self.due_at:%H:%M:%S}"


class Canary(models.Model):
    """The last sign of life of one queue: rung by the timetable, answered by a worker that is not deaf."""

    queue = models.CharField(max_length=50, primary_key=True)
    rung_at = models.DateTimeField(help_text="When the answered doorbell was due.")
    answered_at = models.DateTimeField(help_text="By the database's clock.")

    class Meta:
        verbose_name_plural = "canaries"

    def __str__(self) -> str:
        return self.queue


class Heartbeat(models.Model):
    """The last sign of life of one part of a process, such as `daemon:relay`, written by that very part."""

    process = models.CharField(max_length=50, primary_key=True)
    at = models.DateTimeField(help_text="By the database's clock.")
    detail = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.process
