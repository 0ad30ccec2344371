"""How is a request that comes twice carried out once?

`AnsweredOnce` claims the caller's Idempotency-Key after the scope check and before the view; `KeepAnswers` keeps what
the view answered. An answer is kept when it changed something (below 400); a refusal may be asked again. A view whose
body carries a key of its own sets `key_in_body = True`, one that nothing may delay sets it too: the header is then
optional.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, ClassVar

from django.http import HttpResponse
from rest_framework.permissions import BasePermission

from approvals.operations import idempotency
from crs.api.problems import Replayed
from crs.kernel.refusal import Refusal
from crs.kernel.rest import SAFE_METHODS, caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.views import APIView

HEADER = "Idempotency-Key"
GOOD = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
KEPT_HEADERS = ("Content-Type", "Location", "ETag")


class IdempotencyKeyMissing(Refusal):
    """A call that changes something names itself, so that it can be sent again without harm."""

    code: ClassVar[str] = "IDEMPOTENCY_KEY_MISSING"
    title: ClassVar[str] = "An Idempotency-Key is missing"
    status: ClassVar[int] = 400


class IdempotencyKeyMalformed(Refusal):
    """A key is 1 to 200 visible ASCII characters."""

    code: ClassVar[str] = "IDEMPOTENCY_KEY_MALFORMED"
    title: ClassVar[str] = "This is no Idempotency-Key"
    status: ClassVar[int] = 400


class AnsweredOnce(BasePermission):
    """Claims the request's key, or raises the answer that it got before."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return True
        key = request.headers.get(HEADER)
        if key is None:
            if getattr(view, "key_in_body", False):
                return True
            raise IdempotencyKeyMissing
        if not GOOD.fullmatch(key):
            raise IdempotencyKeyMalformed
        claimed = idempotency.claim(
            principal=str(caller(request).actor), key=key, request_hash=_request_hash(request._request)
        )
        if isinstance(claimed, idempotency.Answer):
            headers = {**claimed.headers, "Idempotent-Replayed": "true"}
            raise Replayed(HttpResponse(claimed.content, status=claimed.status, headers=headers))
        request._request.idempotency_claim = claimed  # type: ignore[attr-defined]  # KeepAnswers takes it from here
        return True


class KeepAnswers:
    """Keeps the answer of a claimed request, or gives the key back when it was refused."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        claim: idempotency.Claim | None = getattr(request, "idempotency_claim", None)
        if claim is None:
            return response
        if response.status_code >= 400:
            idempotency.give_up(claim)
            return response
        headers = {name: response[name] for name in KEPT_HEADERS if name in response}
        idempotency.keep(claim, idempotency.Answer(response.status_code, headers, response.content))
        return response


def _request_hash(request: HttpRequest) -> bytes:
    """Return what makes two requests the same: method, address, query and body."""
    head = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(head + request.body).digest()
