from __future__ import annotations

from typing import ClassVar

import pytest

from crs.kernel.refusal import Refusal


class TooLate(Refusal):
    """A fact, for this test."""

    code: ClassVar[str] = "TOO_LATE"
    title: ClassVar[str] = "It is too late"


def test_a_refusal_carries_its_code_its_numbers_and_the_field_to_blame() -> None:
    refusal = TooLate("by 3 s", pointer="/at", seconds=3)
    assert (refusal.code, refusal.status, refusal.detail, refusal.pointer) == ("TOO_LATE", 422, "by 3 s", "/at")
    assert refusal.facts == {"seconds": 3}
    assert str(TooLate()) == "It is too late"


def test_a_refusal_without_a_code_or_a_title_does_not_exist() -> None:
    with pytest.raises(AssertionError, match="has no code"):
        type("Nameless", (Refusal,), {"title": "x"})
    with pytest.raises(AssertionError, match="has no title"):
        type("Untitled", (Refusal,), {"code": "X"})
