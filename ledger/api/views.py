"""What can programs ask of the book, and write into it, over REST?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.http import Http404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from crs.kernel import clock, filters
from crs.kernel.refusal import Refusal
from crs.kernel.rest import DeskRows, caller
from ledger import queries
from ledger.api.answers import (
    BalancesAnswer,
    BatchAnswer,
    JournalAnswer,
    LedgerAccountAnswer,
    NavAnswer,
    PostingAnswer,
    TrialBalanceAnswer,
)
from ledger.api.bodies import BOOKS, BatchBody, JournalBody, ReversalBody, drafts_of, moment, read
from ledger.models import LedgerAccount, NavMark, Posting
from ledger.operations import drafts

if TYPE_CHECKING:
    from rest_framework.request import Request

    from ledger.rules.posting import Posted

MOMENT = OpenApiParameter("as_of", OpenApiTypes.DATETIME, description="What had occurred by then (RFC 3339), inclusive")
KNOWN = OpenApiParameter(
    "known_at", OpenApiTypes.DATETIME, description="What had been recorded by then (RFC 3339), inclusive"
)


class JournalsView(APIView):
    """Post a journal, once per key and book: 201 when it is new, 200 with `Idempotent-Replayed` when it stood there."""

    scopes: ClassVar = {"POST": "ledger:write"}
    key_in_body = True
    floats = True  # an amount that came as a number is refused by its own code, not as a float

    def books(self, request: Request) -> set[str]:
        return {str(request.data.get("book"))} if isinstance(request.data, dict) else {""}

    @extend_schema(request=JournalBody, responses={200: JournalAnswer, 201: JournalAnswer})
    def post(self, request: Request) -> Response:
        body = JournalBody(data=request.data)
        read(body)
        posted = drafts.post_draft(body.draft(), actor=caller(request).actor, desk_id=caller(request).desk_id)
        return journal_response(posted)


class BatchView(APIView):
    """Post up to 1000 journals, all or none (`atomic`), or each for itself; one result per journal, in order."""

    scopes: ClassVar = {"POST": "ledger:write"}
    key_in_body = True
    floats = True

    def books(self, request: Request) -> set[str]:
        journals = request.data.get("journals") if isinstance(request.data, dict) else None
        items = journals if isinstance(journals, list) else [None]
        return {str(item.get("book")) for item in items if isinstance(item, dict)} or {""}

    @extend_schema(request=BatchBody, responses=BatchAnswer)
    def post(self, request: Request) -> Response:
        body = BatchBody(data=request.data)
        read(body)
        said = body.validated_data
        results = drafts.post_drafts(
            drafts_of(said["journals"]),
            actor=caller(request).actor,
            atomic=said["atomic"],
            desk_id=caller(request).desk_id,
        )
        return Response({"results": [item_of(index, result) for index, result in enumerate(results)]})


class ReverseView(APIView):
    """Undo a journal by its mirror image; a journal that is reversed already answers that reversal."""

    scopes: ClassVar = {"POST": "ledger:write"}
    key_in_body = True  # the reversal's key is the journal's

    def books(self, request: Request) -> set[str]:
        """Return the journal's book. A journal of another desk has none: the answer is that of no journal."""
        found = queries.journal(self.kwargs["journal_id"], caller(request).desk_id)
        return {found.book if found is not None else ""}

    @extend_schema(request=ReversalBody, responses={200: JournalAnswer, 201: JournalAnswer})
    def post(self, request: Request, journal_id: int) -> Response:
        body = ReversalBody(data=request.data)
        read(body)
        journal = queries.journal(journal_id, caller(request).desk_id)
        if journal is None:
            raise Http404
        posted = drafts.reverse_by_hand(
            journal,
            reason=body.validated_data["reason"],
            actor=caller(request).actor,
            at=clock.now(),
            desk_id=caller(request).desk_id,
        )
        return journal_response(posted)


class LedgerAccountFilter(filters.Filters):
    """Filters by the codes that people use."""

    desk = filters.Text("desk__code")
    venue_account = filters.Text("account__code")

    class Meta:
        model = LedgerAccount
        fields = ("code", "type", "sub", "book")


class LedgerAccountsView(DeskRows, ListAPIView[LedgerAccount]):
    """The chart of accounts that the caller's desk has; a caller of no one desk sees all."""

    rows = queries.ledger_accounts
    scopes: ClassVar = {"GET": "ledger:read"}
    serializer_class = LedgerAccountAnswer
    ordering = "code"
    ordering_fields = ("code", "opened_at")
    filterset_class = LedgerAccountFilter


class BalancesView(APIView):
    """What a ledger account holds, of every asset; now, or as of a moment."""

    scopes: ClassVar = {"GET": "ledger:read"}
    parameters = ("as_of", "known_at")

    @extend_schema(parameters=[MOMENT, KNOWN], responses=BalancesAnswer)
    def get(self, request: Request, code: str) -> Response:
        account = queries.ledger_account(code, caller(request).desk_id)
        if account is None:
            raise Http404
        held = queries.balances(account, as_of=moment(request, "as_of"), known_at=moment(request, "known_at"))
        answer = {
            "account": account.code,
            "as_of": held.as_of,
            "known_at": held.known_at,
            "provisional": held.provisional,
            "balances": [{"asset": asset.code, "amount": asset.money.text(units)} for asset, units in held.holdings],
        }
        return Response(BalancesAnswer(answer).data)


class PostingFilter(filters.Filters):
    """Filters by the codes that people use, and by when things occurred."""

    account = filters.Text("account__code")
    venue_account = filters.Text("account__account__code")
    asset = filters.Text("asset__code")
    journal = filters.Whole("journal_id")
    key = filters.Text("journal__key")
    kind = filters.Text("journal__kind")
    book = filters.Text("journal__book")
    start = filters.Moment("occurred_at", "gte")
    end = filters.Moment("occurred_at", "lt")


class PostingsView(DeskRows, ListAPIView[Posting]):
    """The legs of every journal, newest first."""

    rows = queries.postings
    scopes: ClassVar = {"GET": "ledger:read"}
    serializer_class = PostingAnswer
    ordering = ("-journal_id", "leg")
    filterset_class = PostingFilter


class TrialBalanceView(APIView):
    """Every holding that is not zero, of one book or of all side by side; the totals are zero in every asset."""

    scopes: ClassVar = {"GET": "ledger:read"}
    parameters = ("book", "as_of", "known_at")

    @extend_schema(
        parameters=[OpenApiParameter("book", str, enum=BOOKS), MOMENT, KNOWN],
        responses=TrialBalanceAnswer,
    )
    def get(self, request: Request) -> Response:
        book = request.query_params.get("book")
        if book is not None and book not in BOOKS:
            raise serializers.ValidationError({"book": f"one of {', '.join(BOOKS)}"})
        trial = queries.trial_balance(
            book=book,
            as_of=moment(request, "as_of"),
            known_at=moment(request, "known_at"),
            desk_id=caller(request).desk_id,
        )
        lines = [
            {
                "account": line.account,
                "type": line.type,
                "book": line.book,
                "asset": line.asset.code,
                "amount": line.asset.text(line.units),
            }
            for line in trial.lines
        ]
        assets = {line.asset.code: line.asset for line in trial.lines}
        totals = [{"asset": code, "amount": assets[code].text(units)} for code, units in trial.totals().items()]
        answer = {
            "book": trial.book,
            "as_of": trial.as_of,
            "known_at": trial.known_at,
            "provisional": trial.provisional,
            "lines": lines,
            "totals": totals,
        }
        return Response(TrialBalanceAnswer(answer).data)


class NavFilter(filters.Filters):
    """Filters by venue account and time."""

    venue_account = filters.Text("account__code")
    start = filters.Moment("at", "gte")
    end = filters.Moment("at", "lt")


class NavHistoryView(DeskRows, ListAPIView[NavMark]):
    """Every NAV mark, newest first, with what it was made of."""

    rows = queries.nav_marks
    scopes: ClassVar = {"GET": "ledger:read"}
    serializer_class = NavAnswer
    ordering = ("-at", "-id")
    filterset_class = NavFilter


def journal_response(posted: Posted) -> Response:
    """Return the journal that stands for what was asked; a replay says so."""
    journal = queries.journal(posted.id)
    assert journal is not None
    if posted.is_new:
        return Response(JournalAnswer(journal).data, status=status.HTTP_201_CREATED)
    return Response(JournalAnswer(journal).data, headers={"Idempotent-Replayed": "true"})


def item_of(index: int, result: Posted | Refusal) -> dict[str, Any]:
    """Return what became of one journal of a batch."""
    if isinstance(result, Refusal):
        told = {"code": result.code, "detail": result.detail, "pointer": result.pointer}
        return {"index": index, "state": "REFUSED", "id": None, **told}
    state = "POSTED" if result.is_new else "REPLAYED"
    return {"index": index, "state": state, "id": result.id, "code": None, "detail": None, "pointer": None}


routes = [
    path("ledger/journals", JournalsView.as_view()),
    path("ledger/journals/batch", BatchView.as_view()),
    path("ledger/journals/<int:journal_id>/reverse", ReverseView.as_view()),
    path("ledger/accounts", LedgerAccountsView.as_view()),
    path("ledger/accounts/<str:code>/balances", BalancesView.as_view()),
    path("ledger/postings", PostingsView.as_view()),
    path("ledger/trial-balance", TrialBalanceView.as_view()),
    path("ledger/nav/history", NavHistoryView.as_view()),
]
