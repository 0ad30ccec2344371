"""What can programs propose over REST? Wishes to trade, put to the one gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.generics import RetrieveAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals import queries as approvals_queries
from approvals.rules.keys import TRADE_READERS
from crs.kernel import bodies, clock
from crs.kernel.rest import DeskRows, caller, refuse_unknown_fields
from execution import queries
from execution.api.blotter import OrderAnswer
from execution.api.fields import LotsText, PriceText
from execution.models import Intent
from execution.operations import gate
from execution.rules.facts import Wish
from execution.rules.orders import SIDES, TYPES
from execution.rules.proposals import Proposal

if TYPE_CHECKING:
    from rest_framework.request import Request

    from execution.rules.gate import Decision


class IntentBody(serializers.Serializer[Any]):
    """What to trade. `key` names the intent once: the same key and body give the first decision again."""

    key = bodies.Name(max_length=190, help_text="Chosen before sending; unique for each caller, for ever")
    mode = serializers.ChoiceField(("MANAGED", "GOVERNED"), default="MANAGED", help_text="GOVERNED is refused for now")
    strategy = bodies.Name(max_length=80)
    account = bodies.Name(max_length=48, help_text="Code of a venue account")
    symbol = bodies.Name(max_length=40)
    side = serializers.ChoiceField(SIDES)
    quantity = LotsText()
    order_type = serializers.ChoiceField(TYPES, default="MARKET")
    limit_price = PriceText(required=False, allow_null=True)
    stop_loss = PriceText(required=False, allow_null=True)
    take_profit = PriceText(required=False, allow_null=True)
    reduce_only = bodies.Flag(default=False, help_text="Can only make a position smaller; always passes")
    position_id = bodies.Name(max_length=32, required=False, default="", allow_blank=True)
    epoch = bodies.Whole(required=False, allow_null=True, help_text="The epoch of the halts that you know")


class RefusalAnswer(serializers.Serializer[Any]):
    """One refusal: the code, and the figures as exact text."""

    code = serializers.CharField()
    limit = serializers.CharField()
    actual = serializers.CharField()
    headroom = serializers.CharField()


class RuleAnswer(RefusalAnswer):
    """One rule's verdict; every rule is listed, also after a refusal."""

    name = serializers.CharField()
    verdict = serializers.ChoiceField(("PASS", "REFUSE", "ASK", "NO_DATA"))


class DecisionAnswer(serializers.Serializer[Any]):
    """The gate's answer."""

    decision = serializers.ChoiceField(("ALLOWED", "REFUSED", "PENDING_APPROVAL"))
    refusals = RefusalAnswer(many=True)
    rules = RuleAnswer(many=True)
    epoch = serializers.IntegerField()


class IntentAnswer(serializers.Serializer[Intent]):
    """An intent, its decision and the orders that it became."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    mode = serializers.CharField()
    desk = serializers.CharField(source="desk.code")
    account = serializers.CharField(source="account.code")
    strategy = serializers.CharField()
    responsible = serializers.CharField()
    symbol = serializers.CharField()
    side = serializers.CharField()
    quantity = LotsText()
    order_type = serializers.CharField()
    limit_price = PriceText(allow_null=True)
    stop_loss = PriceText(allow_null=True)
    take_profit = PriceText(allow_null=True)
    reduce_only = serializers.BooleanField()
    decision = serializers.CharField(source="result")
    refusals = serializers.SerializerMethodField()
    rules = RuleAnswer(many=True)
    epoch = serializers.IntegerField()
    decided_at = serializers.DateTimeField()
    permit_expires_at = serializers.DateTimeField(allow_null=True)
    orders = serializers.SerializerMethodField()

    @extend_schema_field(RefusalAnswer(many=True))
    def get_refusals(self, row: Intent) -> list[dict[str, str]]:
        return _refusals(row.rules)

    @extend_schema_field(OrderAnswer(many=True))
    def get_orders(self, row: Intent) -> Any:
        return OrderAnswer(row.orders.select_related("account", "desk").order_by("id"), many=True).data


class _Proposing(APIView):
    """Reads a body into a proposal of the caller."""

    scopes: ClassVar = {"POST": "order:propose"}
    key_in_body = True

    def books(self, request: Request) -> list[str | None]:
        """Return the book that the intent would trade: a bearer key reaches PAPER only."""
        code = request.data.get("account") if isinstance(request.data, dict) else None
        account = queries.account(code) if isinstance(code, str) else None
        return [account.book if account is not None and caller(request).reaches(account.desk_id) else None]

    def proposal(self, request: Request) -> Proposal:
        """Return what was asked. Raises `ValidationError`, `UnknownField`, or `NoSuchAccount` on another desk's."""
        body = IntentBody(data=request.data)
        refuse_unknown_fields(request.data, body.fields)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        who = caller(request)
        account = queries.account(said["account"])
        if account is not None and not who.reaches(account.desk_id):
            raise gate.NoSuchAccount(f"no open venue account {said['account']}", pointer="/account")
        wish = {name: said.get(name) for name in ("limit_price", "stop_loss", "take_profit")}
        for name in ("account", "strategy", "symbol", "side", "quantity", "order_type", "reduce_only"):
            wish[name] = said[name]
        return Proposal(
            key=said["key"],
            wish=Wish(**wish),
            responsible=approvals_queries.responsible_of(who.actor),
            mode=said["mode"],
            position_id=said["position_id"],
            magic=queries.magic_of(said["strategy"]),
            epoch_known=said.get("epoch"),
            api_key=who.actor.name if who.actor.kind == "key" else "",
        )


class IntentsView(_Proposing):
    """Put a wish to trade to the gate. ALLOWED: CRS sends the order at once and books its fills.

    A refusal is an answer, not an error: 201 with `decision: REFUSED` and every rule's figures. The same key and body
    answer 200 with the first decision and `Idempotent-Replayed: true`.
    """

    @extend_schema(request=IntentBody, responses={200: IntentAnswer, 201: IntentAnswer})
    def post(self, request: Request) -> Response:
        decided = gate.decide(self.proposal(request), actor=caller(request).actor, at=clock.now())
        if decided.is_new:
            return Response(IntentAnswer(decided.intent).data, status=status.HTTP_201_CREATED)
        return Response(IntentAnswer(decided.intent).data, headers={"Idempotent-Replayed": "true"})


class ExplainView(_Proposing):
    """What the gate would say now: every rule with limit, actual and headroom. Nothing is kept or sent."""

    @extend_schema(request=IntentBody, responses={200: DecisionAnswer})
    def post(self, request: Request) -> Response:
        decision = gate.explain(self.proposal(request), at=clock.now())
        return Response(_explained(decision))


def _explained(decision: Decision) -> dict[str, Any]:
    rules = [verdict.as_rule() for verdict in decision.rules]
    return {
        "decision": decision.result,
        "refusals": _refusals(rules),
        "rules": rules,
        "epoch": decision.epoch,
    }


def _refusals(rules: list[dict[str, str]]) -> list[dict[str, str]]:
    refused = [row for row in rules if row["verdict"] in ("REFUSE", "NO_DATA")]
    return [{name: row[name] for name in ("code", "limit", "actual", "headroom")} for row in refused]


class IntentView(DeskRows, RetrieveAPIView[Intent]):
    """One intent with its decision and its orders."""

    rows = queries.intents
    scopes: ClassVar = {"GET": TRADE_READERS}
    serializer_class = IntentAnswer
