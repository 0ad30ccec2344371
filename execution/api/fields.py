"""How do prices, lots and money look on the wire? As decimal text, with an asset where it is money."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crs.kernel.money import DECIMAL_TEXT, InexactAmount, text_of, units_of
from execution.rules.facts import CASH_DECIMALS, LOT_DECIMALS


@extend_schema_field({"type": "string", "pattern": DECIMAL_TEXT.pattern, "examples": ["17012.50"]})
class PriceText(serializers.Field[Decimal, Any, str, Any]):
    """A price as decimal text; a JSON number is refused."""

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or len(data) > 40 or not DECIMAL_TEXT.fullmatch(data):
            raise serializers.ValidationError('A decimal text such as "17012.50".')
        try:
            return Decimal(data)
        except InvalidOperation as error:
            raise serializers.ValidationError('A decimal text such as "17012.50".') from error

    def to_representation(self, value: Decimal) -> str:
        return f"{value.normalize():f}"


@extend_schema_field({"type": "string", "pattern": DECIMAL_TEXT.pattern, "examples": ["0.01"]})
class LotsText(serializers.Field[int, Any, str, Any]):
    """A volume in lots as decimal text; a JSON number is refused."""

    def to_internal_value(self, data: Any) -> int:
        try:
            return units_of(data, LOT_DECIMALS, asset="a volume")
        except InexactAmount as error:
            raise serializers.ValidationError('A decimal text with at most 8 decimals, such as "0.01".') from error

    def to_representation(self, value: int) -> str:
        return text_of(value, LOT_DECIMALS)


@extend_schema_field(
    {"type": "object", "properties": {"asset": {"type": "string"}, "amount": {"type": "string"}}, "required": ["asset"]}
)
class MoneyField(serializers.Field[int, Any, "dict[str, str]", Any]):
    """An amount with its asset: the currency of the row's account."""

    def get_attribute(self, instance: Any) -> Any:
        return instance.account.currency, super().get_attribute(instance)

    def to_representation(self, value: Any) -> dict[str, str]:
        currency, units = value
        return {"asset": currency, "amount": text_of(units, CASH_DECIMALS)}
