"""Who looks at the portal? One person per role, signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from crs.portal import halting

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.conf import LazySettings


@pytest.fixture(autouse=True)
def quick_passwords(settings: LazySettings) -> None:
    """Hash like a test; nobody attacks these people."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


@pytest.fixture
def signed_in(db: None) -> Callable[..., Client]:
    """Return a browser of somebody with these roles; without a name it is the first role's."""

    def sign_in(*roles: str, name: str = "") -> Client:
        person, _ = User.objects.get_or_create(username=name or (roles[0] if roles else "nobody"), is_staff=True)
        person.groups.set(Group.objects.filter(name__in=roles))
        browser = Client()
        browser.force_login(person)
        return browser

    return sign_in


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect the halts that pages bring to the venues; execution's own tests bring them to a real gateway."""
    halts: list[Any] = []
    monkeypatch.setattr(halting, "begin", lambda engaged, **_: halts.append(engaged))
    return halts
