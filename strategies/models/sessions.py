"""Which sessions were run, on what terms, and how did each symbol do?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crs.kernel.fields import BaseUnitsField
from strategies.rules import lifecycle

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from strategies.models.groups import SymbolGroup


class Session(models.Model):
    """One run of trading on a venue account of its own, with a loss limit; it ends flat.

    Made by `operations.sessions.start`; from then on only the holder of its group's lease changes it, but for
    `stop_requested_at`, which anybody with the right may set. Money is base units of `currency`. `key` is the
    idempotency key of its account at the venue.
    """

    key = models.UUIDField(unique=True)
    desk = models.ForeignKey("approvals.Desk", on_delete=models.PROTECT, related_name="sessions")
    # NULL only until the venue has given the login.
    account = models.OneToOneField(
        "approvals.Account", on_delete=models.PROTECT, null=True, related_name="trading_session"
    )
    is_demo = models.BooleanField(default=False)  # the demo desk's endless one, made by `up`
    actor = models.CharField(max_length=160)
    state = models.CharField(max_length=8, choices=lifecycle.SESSION.choices(), default="OPENING")

    config = models.JSONField()
    config_version = models.CharField(max_length=16)
    currency = models.CharField(max_length=12)
    max_loss_units = BaseUnitsField()
    duration_s = models.PositiveIntegerField()  # wall time; 0 is endless
    speed = models.PositiveIntegerField()  # venue seconds per wall second
    venue_start = models.DateTimeField()
    seed = models.BigIntegerField()
    data = models.CharField(max_length=1000, blank=True)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    stop_requested_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    venue_started_at = models.DateTimeField(null=True)
    venue_ended_at = models.DateTimeField(null=True)
    halt_reason = models.CharField(max_length=32, blank=True)
    # What the halt was decided on (`rules.trips.Trip`); NULL: not halted, or no mark yet.
    halt = models.JSONField(null=True)
    error = models.TextField(blank=True)

    # Kept while it runs, for pages; the report is made from the book and the venue.
    opening_equity_units = BaseUnitsField(null=True)  # type: ignore[misc]  # int | None: NULL until it is running
    nav_units = BaseUnitsField(null=True)  # type: ignore[misc]  # int | None: NULL until it is running
    peak_nav_units = BaseUnitsField(null=True)  # type: ignore[misc]  # int | None: NULL until it is running
    max_drawdown_units = BaseUnitsField(default=0)
    report = models.JSONField(null=True)

    if TYPE_CHECKING:
        runs: QuerySet[SymbolRun]
        group: SymbolGroup

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=lifecycle.SESSION.states), name="session_state_known"),
            models.CheckConstraint(condition=Q(max_loss_units__gt=0), name="session_max_loss_positive"),
            models.CheckConstraint(
                condition=~Q(state__in=("RUNNING", "ENDED", "HALTED")) | Q(account__isnull=False),
                name="session_has_account",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("ENDED", "HALTED")) | Q(report__isnull=False), name="session_end_reported"
            ),
            models.CheckConstraint(condition=~Q(state="HALTED") | ~Q(halt_reason=""), name="session_halt_has_reason"),
            models.CheckConstraint(condition=Q(speed__gt=0), name="session_speed_positive"),
        ]

    def __str__(self) -> str:
        return f"session {self.pk}"


class SymbolRun(models.Model):
    """How one symbol did in one session; counted by the holder of the group's lease. `pnl_units` is realised, net."""

    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="runs")
    symbol = models.CharField(max_length=16)
    magic = models.PositiveIntegerField()
    trades = models.PositiveIntegerField(default=0)  # positions closed
    fills = models.PositiveIntegerField(default=0)  # deals booked
    heartbeats = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    ticks = models.PositiveBigIntegerField(default=0)
    signals = models.PositiveIntegerField(default=0)
    pnl_units = BaseUnitsField(default=0)
    is_stopped = models.BooleanField(default=False)  # failed too often; the others went on

    class Meta:
        verbose_name = _("symbol run")
        verbose_name_plural = _("symbol runs")
        ordering = ["session_id", "symbol"]
        constraints = [models.UniqueConstraint(fields=["session", "symbol"], name="symbol_run_once")]

    def __str__(self) -> str:
        return f"{self.session} {self.symbol}"
