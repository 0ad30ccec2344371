"""Is a sign-in evidence, and a failed one a line in the log?"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from approvals.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera() -> None:
    users: Any = get_user_model().objects
    users.create_user(username="vera", password="a long enough one", is_staff=True)


def sign_in(client: Client, password: str) -> int:
    form = {"username": "vera", "password": password}
    return client.post("/admin/login/", form, headers={"X-Request-ID": "r-1"}).status_code


@pytest.mark.usefixtures("vera")
def test_coming_and_going_is_evidence() -> None:
    client = Client()
    assert sign_in(client, "a long enough one") == 302
    client.post("/admin/logout/")
    told = AuditEvent.objects.filter(subject_kind="approvals.session").order_by("id")
    assert [event.action for event in told] == ["approvals.session.opened", "approvals.session.closed"]
    first = told[0]
    assert (first.actor, first.ip, first.request_id) == ("vera", "127.0.0.1", "r-1")


@pytest.mark.usefixtures("vera")
def test_a_failed_attempt_is_logged_without_what_was_typed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert sign_in(Client(), "guess-4711") == 200
    assert "a sign-in failed" in caplog.text
    assert "guess-4711" not in caplog.text
    assert not AuditEvent.objects.filter(subject_kind="approvals.session").exists()
