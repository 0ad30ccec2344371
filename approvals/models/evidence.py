"""What happened? One append-only row per event, with the bytes it commits to and their leaf hash."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from psycopg.types.json import Jsonb

from approvals.models.desks import Desk
from crs.kernel import evidence
from crs.kernel.fields import HashField

if TYPE_CHECKING:
    from datetime import datetime

    from crs.kernel.actor import Actor

RECORD = (
    "SELECT approvals.record(action => %s, actor_kind => %s, actor => %s, subject_kind => %s, subject_id => %s,"
    " at => %s, desk => %s, reason => %s, request_id => %s, before => %s, after => %s, facts => %s, ip => %s,"
    " login => %s)"
)


class AuditEvent(models.Model):
    """One thing that happened: a change of money, of a limit, of a halt, a sign-in, a denial.

    Written by `approvals.record()` (everything decided in Python) and by the trigger of the table it tells about
    (journals); never changed, never deleted (E-1). `body` holds the canonical bytes, built by the database from the
    columns or from the rows they tell about, and `leaf` is SHA-256 over 0x00 and `body` (E-2). `at` is when it
    happened, as told; `recorded_at` and `role` (the login of the connection) are the database's own and cannot be told.
    """

    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    role = models.CharField(max_length=63)
    actor_kind = models.CharField(max_length=8)
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=80)
    subject_kind = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=80)
    # No foreign key: an event outlives what it tells about, and each would cost a lookup per journal.
    desk = models.ForeignKey(
        Desk, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    reason = models.TextField(default="")
    request_id = models.CharField(max_length=64, default="")
    ip = models.GenericIPAddressField(null=True)
    login = models.CharField(max_length=64, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    facts = models.JSONField(null=True)
    body = models.BinaryField()
    leaf = HashField()

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        constraints = [
            models.CheckConstraint(
                condition=Q(actor_kind__in=["person", "key", "machine", "role"]), name="auditevent_actor_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(action__regex=r"^[a-z_]+(\.[a-z_]+){2}$"), name="auditevent_action_format"
            ),
        ]
        indexes = [
            # Journals have their own way to their event (ledger.queries); here stand all others.
            models.Index(
                fields=["subject_kind", "subject_id"],
                condition=~Q(subject_kind="ledger.journal"),
                name="auditevent_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_kind}:{self.subject_id}"

    @staticmethod
    def write(
        *,
        action: str,
        actor: Actor,
        subject_kind: str,
        subject_id: str,
        at: datetime,
        desk_id: int | None,
        reason: str,
        request_id: str,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
        facts: dict[str, Any] | None,
        ip: str | None,
        login: str,
    ) -> int:
        """Append one event through `approvals.record()`, the only way in, and return its id."""
        documents: list[Any] = [
            None if value is None else Jsonb(evidence.plain(value)) for value in (before, after, facts)
        ]
        assert ip is None or ipaddress.ip_address(ip), "an IP address"
        arguments: list[Any] = [
            action,
            actor.kind,
            actor.name,
            subject_kind,
            subject_id,
            at,
            desk_id,
            reason,
            request_id,
        ]
        with connection.cursor() as cursor:
            cursor.execute(RECORD, [*arguments, *documents, ip, login])
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])
