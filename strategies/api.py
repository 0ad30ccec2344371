"""What can programs read of sessions over REST? Each with its symbols and, once it has ended, its report."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView

from approvals.rules.keys import TRADE_READERS
from crs.kernel import filters
from crs.kernel.rest import DeskRows
from strategies import queries
from strategies.models import Session, SymbolRun
from strategies.rules import reports

AMOUNT = {"type": "object", "properties": {"asset": {"type": "string"}, "amount": {"type": "string"}}}


@extend_schema_field(AMOUNT)
class Cash(serializers.Field[int, Any, "dict[str, str]", Any]):
    """An amount in the session's currency; a column that is NULL gives null."""

    def get_attribute(self, instance: Any) -> Any:
        units = super().get_attribute(instance)
        session = getattr(instance, "session", instance)
        return None if units is None else (session.currency, units)

    def to_representation(self, value: Any) -> dict[str, str]:
        return {"asset": value[0], "amount": reports.cash(value[1])}


@extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
class Report(serializers.JSONField):
    """What `manage.py session --json` prints; null until the session has ended."""


class SymbolRunAnswer(serializers.ModelSerializer[SymbolRun]):
    """How one symbol did; `pnl` is realised and net of all costs."""

    pnl = Cash(source="pnl_units")

    class Meta:
        model = SymbolRun
        fields = ("symbol", "magic", "trades", "fills", "heartbeats", "errors", "ticks", "signals", "pnl", "is_stopped")


class SessionAnswer(serializers.ModelSerializer[Session]):
    """One run of trading. `report` has the keys of `manage.py session --json` and is null until it has ended."""

    desk = serializers.CharField(source="desk.code")
    account = serializers.CharField(source="account.code", default=None, allow_null=True)
    max_loss = Cash(source="max_loss_units")
    nav = Cash(source="nav_units", allow_null=True)
    max_drawdown = Cash(source="max_drawdown_units")
    symbols = SymbolRunAnswer(source="runs", many=True)
    report = Report()

    class Meta:
        model = Session
        fields = (
            "id", "desk", "account", "state", "halt_reason", "error", "is_demo", "max_loss", "nav", "max_drawdown",
            "duration_s", "speed", "seed", "config_version", "created_at", "started_at", "ended_at", "venue_started_at",
            "venue_ended_at", "symbols", "report",
        )  # fmt: skip


class SessionFilter(filters.Filters):
    """Every field that sessions are cut by."""

    account = filters.Text("account__code")
    desk = filters.Text("desk__code")
    created_after = filters.Moment("created_at", "gte")
    created_before = filters.Moment("created_at", "lt")

    class Meta:
        model = Session
        fields = ("state", "is_demo")


class SessionsView(DeskRows, ListAPIView[Session]):
    """Sessions, newest first."""

    rows = queries.sessions_with_runs
    scopes: ClassVar = {"GET": TRADE_READERS}
    serializer_class = SessionAnswer
    filterset_class = SessionFilter
    ordering: ClassVar = ("-created_at",)
    ordering_fields: ClassVar = ("created_at", "id")


class SessionView(DeskRows, RetrieveAPIView[Session]):
    """One session with its symbols and its report."""

    rows = queries.sessions_with_runs
    scopes: ClassVar = {"GET": TRADE_READERS}
    serializer_class = SessionAnswer


routes = [path("sessions", SessionsView.as_view()), path("sessions/<int:pk>", SessionView.as_view())]
