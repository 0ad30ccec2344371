"""How does REST say no? One shape for every refusal, RFC 9457: `application/problem+json`."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions

from crs.kernel.bodies import Invalid, flat
from crs.kernel.evidence import instant
from crs.kernel.refusal import Refusal
from crs.kernel.rest import request_id

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)

# DRF's own refusals: class → (code, title). Ours bring their own.
CODES: Mapping[type[exceptions.APIException], tuple[str, str]] = {
    exceptions.ValidationError: (Invalid.code, Invalid.title),
    exceptions.ParseError: ("MALFORMED", "The body is not JSON"),
    exceptions.PermissionDenied: ("NOT_PERMITTED", "Not permitted"),
    exceptions.NotFound: ("NOT_FOUND", "There is no such thing here"),
    exceptions.MethodNotAllowed: ("METHOD_NOT_ALLOWED", "This address does not take that method"),
    exceptions.NotAcceptable: ("NOT_ACCEPTABLE", "Only JSON is spoken here"),
    exceptions.UnsupportedMediaType: ("UNSUPPORTED_MEDIA_TYPE", "Only application/json is read here"),
}

# What a field says of a value: the framework's code → ours. Whatever is not here is INVALID.
FIELD_CODES: Mapping[str, str] = {
    "required": "REQUIRED",
    "null": "REQUIRED",
    "blank": "REQUIRED",
    "empty": "REQUIRED",
    "invalid_choice": "INVALID_CHOICE",
    "max_length": "TOO_LONG",
    "max_string_length": "TOO_LONG",
    "min_value": "OUT_OF_RANGE",
    "max_value": "OUT_OF_RANGE",
    "overflow": "OUT_OF_RANGE",
}


class Unauthenticated(Refusal):
    """No credentials, or any kind of wrong ones: one text for all, so that nobody learns which part was right."""

    code: ClassVar[str] = "UNAUTHENTICATED"
    title: ClassVar[str] = "The request could not be authenticated"
    status: ClassVar[int] = 401


class BodyTooLarge(Refusal):
    """The body is larger than this server reads."""

    code: ClassVar[str] = "BODY_TOO_LARGE"
    title: ClassVar[str] = "The body is too large"
    status: ClassVar[int] = 413


class DatabaseUnavailable(Refusal):
    """PostgreSQL did not answer in time; nothing was changed, or the same key will tell."""

    code: ClassVar[str] = "DATABASE_UNAVAILABLE"
    title: ClassVar[str] = "The database did not answer in time"
    status: ClassVar[int] = 503


class Broken(Refusal):
    """We were wrong. The log has the rest under the request's id; the answer has no more than that id."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    title: ClassVar[str] = "Something here is broken"
    status: ClassVar[int] = 500


class NothingHere(Refusal):
    """No page stands at this address."""

    code: ClassVar[str] = "NOT_FOUND"
    title: ClassVar[str] = "There is no such thing here"
    status: ClassVar[int] = 404


class Replayed(Exception):
    """Not an error: the request came before, and `response` is what it was answered then."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


class BadRequest(Refusal):
    """The request is no HTTP that this server takes: its host or its headers."""

    code: ClassVar[str] = "BAD_REQUEST"
    title: ClassVar[str] = "The request cannot be read"
    status: ClassVar[int] = 400


def answer(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Return the problem that `error` stands for: REST_FRAMEWORK's EXCEPTION_HANDLER."""
    request = context.get("request")
    if isinstance(error, Replayed):
        return error.response
    if isinstance(error, exceptions.APIException) and not _is_unauthenticated(error):
        return _response(_of_framework(error), request, {})
    return page(_refusal(error, request), request)


def page(refusal: Refusal, request: object) -> HttpResponse:
    """Return a refusal as an answer; also for what fails before or outside a REST view."""
    headers: dict[str, str] = {}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'CRS-Signature realm="crs", Bearer realm="crs"'
    if wait := refusal.facts.get("retry_after_s", 1 if refusal.status == 503 else None):
        headers["Retry-After"] = str(wait)
    return _response(_of_refusal(refusal), request, headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler400`: problem+json under /api/, a page elsewhere."""
    if not is_api(request):
        return defaults.bad_request(request, exception)
    return page(exception if isinstance(exception, BadRequest) else BadRequest(), request)


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`: problem+json under /api/, a page elsewhere."""
    return page(Broken(), request) if is_api(request) else defaults.server_error(request)


def is_api(request: HttpRequest) -> bool:
    """Return whether a program asks: it gets problem+json, a person gets a page."""
    return request.path_info.startswith("/api/")


def _is_unauthenticated(error: Exception) -> bool:
    return isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed)


def _refusal(error: Exception, request: object) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if _is_unauthenticated(error):
        return Unauthenticated()
    if isinstance(error, Http404):
        return NothingHere()
    if isinstance(error, PermissionDenied | SuspiciousOperation):  # such as a thousand parameters
        return BodyTooLarge() if isinstance(error, RequestDataTooBig) else BadRequest()
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("the database did not answer", exc_info=error, extra={"request_id": request_id(request)})
        return DatabaseUnavailable()
    logger.error("a request broke", exc_info=error, extra={"request_id": request_id(request)})
    return Broken()


def _of_refusal(refusal: Refusal) -> dict[str, Any]:
    facts = {name: _plain(value) for name, value in refusal.facts.items()}
    errors = [{"pointer": refusal.pointer, "code": refusal.code, "detail": refusal.detail}]
    body = _problem(refusal.status, refusal.code, refusal.title, refusal.detail, errors)
    if isinstance(refusal, Unauthenticated) or refusal.code == Unauthenticated.code:
        return body | {"errors": [], "clock_skew_ms": facts.get("clock_skew_ms")}
    return body | ({"facts": facts} if facts else {})


def _of_framework(error: exceptions.APIException) -> dict[str, Any]:
    code, title = CODES.get(type(error), (BadRequest.code, BadRequest.title))
    errors = [
        {"pointer": pointer, "code": field_code(error, str(detail.code), code), "detail": str(detail)}
        for pointer, detail in flat(error.detail)
    ]
    # What is wrong with the fields is 422, like every other refusal of content; 400 is for what cannot be read.
    number = 422 if isinstance(error, exceptions.ValidationError) else error.status_code
    return _problem(number, code, title, errors[0]["detail"] if errors else title, errors)


def field_code(error: exceptions.APIException, said: str, code: str) -> str:
    """Return the catalogued code of one error: of a field by `FIELD_CODES`; ours, in capitals, stand as they are."""
    if not isinstance(error, exceptions.ValidationError):
        return code
    return said if said.isupper() else FIELD_CODES.get(said, code)


def _problem(number: int, code: str, title: str, detail: str, errors: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "type": f"urn:crs:problem:{code.lower().replace('_', '-')}",
        "title": title,
        "status": number,
        "detail": detail,
        "code": code,
        "errors": errors,
    }


def _plain(value: object) -> Any:
    """Return a fact as JSON that nobody can misread: figures that are not whole as text, moments as RFC 3339."""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def _response(body: dict[str, Any], request: object, headers: Mapping[str, str]) -> HttpResponse:
    body["request_id"] = request_id(request)
    return JsonResponse(body, status=body["status"], content_type=CONTENT_TYPE, headers=headers)
