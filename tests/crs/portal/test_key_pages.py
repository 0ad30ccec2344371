"""Is a key made once, shown once, and ended for good?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from approvals.models import ApiKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

pytestmark = pytest.mark.django_db

WHOLE = {"name": "bot-7", "kind": "ed25519", "scopes": ["ledger:read", "ledger:write"], "days": "90", "addresses": ""}


def once(browser: Client) -> str:
    """Return the token of a fresh form: it makes one key."""
    found = re.search(r'name="form" value="([0-9a-f]+)"', browser.get("/keys/new/").content.decode())
    assert found is not None
    return found[1]


def test_a_secret_is_shown_once_and_kept_nowhere(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("security")
    answer = browser.post("/keys/new/", {**WHOLE, "form": once(browser)})
    key = ApiKey.objects.get()
    body = answer.content.decode()
    secret = re.search(r'id="shown-1">([^<]+)<', body)
    assert secret is not None
    assert key.key_id in body
    assert answer["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert secret[1] not in browser.get(f"/admin/approvals/apikey/{key.pk}/change/").content.decode()
    assert secret[1] not in str(dict(browser.session))


def test_a_form_sent_twice_makes_one_key(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("security")
    form = {**WHOLE, "form": once(browser)}
    assert browser.post("/keys/new/", form).status_code == 200
    assert browser.post("/keys/new/", form).status_code == 302
    assert ApiKey.objects.count() == 1


def test_a_wrong_form_says_what_is_wrong_and_keeps_the_rest(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("security")
    form = {**WHOLE, "kind": "bearer", "scopes": ["kill:engage"], "form": once(browser)}
    answer = browser.post("/keys/new/", form)
    assert answer.status_code == 422
    assert "a bearer key cannot have kill:engage" in answer.content.decode()
    assert 'value="bot-7"' in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_with_a_reason(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("security")
    browser.post("/keys/new/", {**WHOLE, "form": once(browser)})
    key = ApiKey.objects.get()
    page = f"/keys/{key.key_id}/revoke/"
    assert browser.post(page, {"reason": " "}).status_code == 422
    assert browser.post(page, {"reason": "leaked"}).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert browser.post(page, {"reason": "leaked"}).status_code == 302


def test_only_security_makes_and_revokes(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("security")
    browser.post("/keys/new/", {**WHOLE, "form": once(browser)})
    page = f"/keys/{ApiKey.objects.get().key_id}/revoke/"
    for role in ("viewer", "operator", "risk", "finance", "administrator"):
        other = signed_in(role)
        assert other.get("/keys/new/").status_code == 403
        assert other.post(page, {"reason": "x"}).status_code == 403
        assert "/keys/new/" not in other.get("/admin/approvals/apikey/").content.decode()
