"""Does every refusal of the code become the same shape of problem?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import RequestFactory

from crs.api import problems
from crs.kernel.refusal import Refusal
from tests.tidy.test_errors import ours

SHAPE = {"type", "title", "status", "detail", "code", "errors", "request_id"}


@pytest.mark.parametrize("refusal", ours(), ids=lambda refusal: f"{refusal.__module__}.{refusal.__name__}")
def test_every_refusal_is_told_in_one_shape(refusal: type[Refusal]) -> None:
    request = RequestFactory().get("/api/v1/anything")
    error = Refusal.__new__(refusal)
    # Facts of any kind are told: figures as text, so that no reader rounds them.
    Refusal.__init__(
        error, "why", pointer="/field", price=Decimal("1.10"), at=datetime(2026, 1, 1, tzinfo=UTC), count=3
    )
    answer = problems.answer(error, {"request": request})
    body = json.loads(answer.content)
    assert set(body) >= SHAPE
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.status_code == body["status"] == refusal.status
    assert (body["code"], body["title"], body["detail"]) == (refusal.code, refusal.title, "why")
    assert 400 <= refusal.status < 600
    if refusal.status == 401:
        assert body["errors"] == []
        assert "facts" not in body
    else:
        assert body["errors"] == [{"pointer": "/field", "code": refusal.code, "detail": "why"}]
        assert body["facts"] == {"price": "1.10", "at": "2026-01-01T00:00:00.000000Z", "count": 3}
    assert (refusal.status == 503) <= ("Retry-After" in answer)


def test_what_broke_is_told_by_its_request_id_alone() -> None:
    request = RequestFactory().get("/api/v1/anything")
    answer = problems.answer(RuntimeError("a secret"), {"request": request})
    assert answer.status_code == 500
    assert "secret" not in answer.content.decode()
