"""What happens when somebody signs in or out, or fails to? Evidence of the first two, a line in the log of the third.

A failed attempt is nobody's decision, and anybody can make a million of them: it does not go into the evidence.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from approvals.operations import signins
from crs.kernel import clock
from crs.kernel.actor import Actor
from crs.kernel.rest import client_address, request_id

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger(__name__)


@receiver(user_logged_in)
def signed_in(request: HttpRequest | None, user: Any, **_: object) -> None:  # Any: whichever user model is set
    """Record who signed in."""
    signins.record_signed_in(**_facts(request, user))


@receiver(user_logged_out)
def signed_out(request: HttpRequest | None, user: Any, **_: object) -> None:  # Any: as above
    """Record who signed out; a session that nobody was in says nothing."""
    if user is not None:
        signins.record_signed_out(**_facts(request, user))


@receiver(user_login_failed)
def not_signed_in(credentials: dict[str, Any], request: HttpRequest | None = None, **_: object) -> None:
    """Log an attempt that failed: the name and the address, never what was typed as a password."""
    logger.warning(
        "a sign-in failed",
        extra={"login": str(credentials.get("username", ""))[:150], "address": _address(request)},
    )


def _facts(request: HttpRequest | None, user: Any) -> dict[str, Any]:
    return {
        "actor": Actor("person", user.get_username()),
        "address": _address(request),
        "at": clock.now(),
        "request_id": request_id(request) if request is not None else "",
    }


def _address(request: HttpRequest | None) -> str:
    return client_address(request.META, proxies=settings.PROXIES) if request is not None else ""
