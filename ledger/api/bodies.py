"""What may programs send to the book, and how is it read?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crs.kernel import bodies
from crs.kernel.money import InexactAmount
from crs.kernel.refusal import Refusal
from crs.kernel.rest import refuse_unknown_fields
from ledger.rules.drafts import BATCH_MAX, KINDS, Draft, DraftLeg, refuse_batch_size
from ledger.rules.posting import KEY_LENGTH_MAX, MEMO_LENGTH_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rest_framework.request import Request

BOOKS = ("LIVE", "PAPER", "SHADOW")


class AmountText(serializers.Field[str, str, str, Any]):
    """A decimal text such as "120.00"; a JSON number is refused, because two machines may read it differently."""

    def to_internal_value(self, data: str) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError('an amount is a text such as "120.00"', code=InexactAmount.code)
        return data

    def to_representation(self, value: str) -> str:
        return value


class LegBody(serializers.Serializer[Any]):
    """One leg: positive is a debit."""

    account = bodies.Name(max_length=96, help_text="Code of a ledger account, such as PAPER-7:FEES:COMMISSION")
    asset = bodies.Name(max_length=12)
    amount = extend_schema_field(str)(AmountText)(help_text='Decimal text such as "-120.00"')


class JournalBody(serializers.Serializer[Any]):
    """A journal to be posted. `key` names it in its book for ever: with the same content it answers the first one."""

    key = bodies.Name(max_length=KEY_LENGTH_MAX)
    kind = serializers.ChoiceField(KINDS)
    book = serializers.ChoiceField(BOOKS)
    occurred_at = bodies.Moment(help_text="RFC 3339, with its offset")
    memo = bodies.Text(max_length=MEMO_LENGTH_MAX, required=False, allow_blank=True, default="")
    desk = bodies.Name(max_length=32, required=False, default="")
    venue_account = bodies.Name(max_length=48, required=False, default="")
    postings = LegBody(many=True)

    def draft(self) -> Draft:
        """Return what was said as the rules know it."""
        return draft_of(self.validated_data)


@extend_schema_field(JournalBody(many=True))
class Journals(serializers.ListField):
    """The journals of a batch as they came: each is read for itself (`drafts_of`)."""


class BatchBody(serializers.Serializer[Any]):
    """Up to 1000 journals: all or none, or each for itself."""

    atomic = bodies.Flag(default=True)
    journals = Journals(help_text=f"1 to {BATCH_MAX}")


class ReversalBody(serializers.Serializer[Any]):
    """Why a journal is undone."""

    reason = bodies.Text(max_length=MEMO_LENGTH_MAX)


def drafts_of(items: Sequence[object]) -> list[Draft | Refusal]:
    """Return each journal of a batch as a draft, or why it is none: its pointer begins with /journals/N.

    Raises `BatchTooLarge` before any is read.
    """
    refuse_batch_size(len(items))
    body = JournalBody()
    return [_draft_or_refusal(body, item, f"/journals/{place}") for place, item in enumerate(items)]


def _draft_or_refusal(body: JournalBody, item: object, pointer: str) -> Draft | Refusal:
    try:
        refuse_unknown_fields(item, body.fields, pointer)
        return draft_of(body.run_validation(item))
    except Refusal as refusal:
        return refusal
    except serializers.ValidationError as error:
        if (found := _inexact(error.detail, pointer)) is not None:
            return InexactAmount('an amount is a text such as "120.00"', pointer=found)
        return bodies.Invalid.of(error, pointer)


def draft_of(said: dict[str, Any]) -> Draft:
    """Return a validated body as a draft."""
    legs = tuple(DraftLeg(leg["account"], leg["asset"], leg["amount"]) for leg in said["postings"])
    words = {name: said[name] for name in ("key", "kind", "book", "occurred_at", "memo", "desk", "venue_account")}
    return Draft(legs=legs, **words)


def read(body: serializers.Serializer[Any]) -> None:
    """Validate a body. An amount that is no text has a code of its own, as every other inexact amount has.

    Raises `ValidationError`, `UnknownField` and `InexactAmount`.
    """
    refuse_unknown_fields(body.initial_data, body.fields)
    try:
        body.is_valid(raise_exception=True)
    except serializers.ValidationError as error:
        if (pointer := _inexact(error.detail, "")) is not None:
            raise InexactAmount('an amount is a text such as "120.00"', pointer=pointer) from error
        raise


def _inexact(detail: Any, pointer: str) -> str | None:  # Any: DRF's nested details
    """Return the pointer of the first amount that came as a JSON number."""
    items = detail.items() if isinstance(detail, dict) else enumerate(detail) if isinstance(detail, list) else ()
    for name, inner in items:
        if getattr(inner, "code", None) == InexactAmount.code:
            return pointer
        if (found := _inexact(inner, f"{pointer}/{name}")) is not None:
            return found
    return None


def moment(request: Request, name: str) -> datetime | None:
    """Return a moment of the query, if it is given."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return bodies.Moment().to_internal_value(text)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({name: error.detail}) from error
