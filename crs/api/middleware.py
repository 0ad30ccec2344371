"""Which request was it, and can it be read at all? Every answer, log line and event of evidence names the same id."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import structlog

from crs.api import problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
GOOD = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class RequestId:
    """Takes the caller's X-Request-ID when it is a plain name of at most 64 characters, or makes one; echoes it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request_id = given if GOOD.fullmatch(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]  # read back by crs.kernel.rest.request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response[HEADER] = request_id
        return response


class NoNul:
    """Refuses a NUL in the address, the query or a page's form: PostgreSQL has no text with one. Bodies: `parsing`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", "") or _is_nul_in_form(request):
            return problems.bad_request(request, problems.BadRequest("a NUL is no part of any text here"))
        return self.get_response(request)


def _is_nul_in_form(request: HttpRequest) -> bool:
    # A program's body is signed as it came over the wire: nobody reads it before its signature was looked at.
    if request.method != "POST" or problems.is_api(request):
        return False
    return any("\0" in text for name, said in request.POST.lists() for text in (name, *map(str, said)))
