"""What can programs ask about desks, and ask and do about halts, over REST?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals import queries
from approvals.models import Account, HaltState, KillSwitch, KillSwitchEvent, Positions, Venue
from approvals.operations import killswitch
from approvals.rules import scope as scopes
from approvals.rules.keys import TRADE_READERS
from crs.kernel import bodies, clock, filters
from crs.kernel.rest import DeskRows, caller, refuse_unknown_fields, request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from approvals.rules.scope import Scope


class HaltBody(serializers.Serializer[Any]):
    """What to stop, and why."""

    scope = bodies.Text(max_length=80, help_text="GLOBAL or KIND:id, such as SYMBOL:XAUUSD.s")
    reason = bodies.Text(max_length=2_000)
    positions = serializers.ChoiceField(Positions.choices, required=False, help_text="By default, by kind of scope")


class HaltAnswer(serializers.Serializer[KillSwitch]):
    """One kill switch."""

    scope = serializers.CharField()
    state = serializers.ChoiceField(HaltState.choices)
    is_engaged = serializers.SerializerMethodField()
    positions = serializers.ChoiceField(Positions.choices)
    epoch = serializers.IntegerField()
    engagement_reason = serializers.CharField(source="reason")
    engagement_timestamp = serializers.DateTimeField(source="engaged_at")
    engaged_by = serializers.CharField()
    engagement_metadata = serializers.JSONField(source="metadata")
    released_at = serializers.DateTimeField(allow_null=True)
    released_by = serializers.CharField()
    last_receipt = serializers.SerializerMethodField()

    def get_is_engaged(self, row: KillSwitch) -> bool:
        return row.state == "ENGAGED"

    def get_last_receipt(self, row: KillSwitch) -> dict[str, Any] | None:
        receipt: KillSwitchEvent | None = queries.last_receipt(row.scope)
        return receipt.receipt if receipt is not None and receipt.epoch == row.epoch else None


class TriggerAnswer(HaltAnswer):
    """The kill switch that now stands engaged; `is_new` is false when it did before.

    `is_known` is false when nothing has the scope's name now, such as a misspelt symbol: what comes under it later is
    stopped, and nothing was stopped by it today.
    """

    is_new = serializers.BooleanField()
    is_known = serializers.BooleanField()


class HaltsAnswer(serializers.Serializer[Any]):
    """Everything that stands still, and everything that did."""

    is_safe = serializers.BooleanField(help_text="Nothing at all is stopped")
    epoch = serializers.IntegerField()
    read_at = serializers.DateTimeField()
    kill_switches = HaltAnswer(many=True)


class KillSwitchView(APIView):
    """Which scopes are stopped, which were, and the epoch."""

    scopes: ClassVar = {"GET": ("ledger:read", "kill:engage", "order:propose")}

    @extend_schema(responses=HaltsAnswer)
    def get(self, request: Request) -> Response:  # noqa: ARG002 — DRF's signature
        halts = queries.halts()
        answer = {
            "is_safe": not halts.engaged,
            "epoch": halts.epoch,
            "read_at": halts.read_at,
            "kill_switches": queries.kill_switches(),
        }
        return Response(HaltsAnswer(answer).data)


class KillSwitchTriggerView(APIView):
    """Stop new risk in a scope at once; with CLOSE its positions are closed too. Stopping again changes nothing.

    Releasing is for people in the portal, or for the command on the machine: there is no way back over REST.
    """

    scopes: ClassVar = {"POST": "kill:engage"}
    key_in_body = True  # a halt latches and may not fail for want of a header
    # Desks, venues, accounts and keys are known here. Symbols and strategies are known above: crs.urls plugs it in.
    is_known: Callable[[Scope], bool] | None = None

    @extend_schema(request=HaltBody, responses={200: TriggerAnswer, 201: TriggerAnswer})
    def post(self, request: Request) -> Response:
        body = HaltBody(data=request.data)
        refuse_unknown_fields(request.data, body.fields)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        engaged = killswitch.engage(
            scope=scopes.parse(said["scope"]),
            reason=said["reason"],
            positions=said.get("positions"),
            actor=caller(request).actor,
            at=clock.now(),
            request_id=request_id(request),
            desk_id=caller(request).desk_id,
        )
        row = queries.kill_switch(engaged.halt.scope)
        assert row is not None
        assert self.is_known is not None, "crs.urls plugs it in"
        answer = {**HaltAnswer(row).data, "is_new": engaged.is_new, "is_known": self.is_known(engaged.halt.scope)}
        return Response(answer, status=status.HTTP_201_CREATED if engaged.is_new else status.HTTP_200_OK)


class VenueAnswer(serializers.ModelSerializer[Venue]):
    """A place where orders are executed."""

    class Meta:
        model = Venue
        fields = ("code", "name", "kind")


class AccountAnswer(serializers.ModelSerializer[Account]):
    """One login of one desk at one venue."""

    desk = serializers.CharField(source="desk.code")
    venue = serializers.CharField(source="venue.code")

    class Meta:
        model = Account
        fields = (
            "code",
            "desk",
            "venue",
            "book",
            "login",
            "server",
            "trade_mode",
            "margin_mode",
            "currency",
            "timezone",
            "opened_at",
            "closed_at",
        )


class VenueFilter(filters.Filters):
    """Filters by what a venue is."""

    class Meta:
        model = Venue
        fields = ("code", "kind")


class AccountFilter(filters.Filters):
    """Filters by the codes that people use."""

    desk = filters.Text("desk__code")
    venue = filters.Text("venue__code")
    is_open = filters.Flag("closed_at", "isnull")

    class Meta:
        model = Account
        fields = ("code", "book", "currency", "trade_mode")


class VenuesView(ListAPIView[Venue]):
    """The places where orders are executed."""

    scopes: ClassVar = {"GET": TRADE_READERS}
    serializer_class = VenueAnswer
    ordering = "code"
    filterset_class = VenueFilter

    def get_queryset(self) -> QuerySet[Venue]:
        return queries.venues()


class AccountsView(DeskRows, ListAPIView[Account]):
    """The venue accounts that the caller's desk has; a caller of no one desk sees all."""

    rows = queries.accounts
    scopes: ClassVar = {"GET": TRADE_READERS}
    serializer_class = AccountAnswer
    ordering = "code"
    ordering_fields = ("code", "opened_at")
    filterset_class = AccountFilter


routes = [
    path("venues", VenuesView.as_view()),
    path("accounts", AccountsView.as_view()),
    path("kill-switch", KillSwitchView.as_view()),
]
