"""Who calls, and may they? Keys prove themselves at every request; people come with the portal's session.

A view says what each method needs: `scopes = {"GET": "ledger:read", "POST": "ledger:write"}`; a tuple is "one of".
A bearer key writes to the PAPER book only, so a view that takes such keys tells which books a request would write:
`books(request)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.permissions import BasePermission

from approvals import queries
from approvals.adapters import nonces_valkey
from approvals.operations import keys
from approvals.rules import keys as key_rules
from approvals.rules import roles
from approvals.rules.signatures import SignedRequest
from crs.api.problems import BodyTooLarge
from crs.kernel import clock
from crs.kernel.actor import Actor
from crs.kernel.rest import SAFE_METHODS, Caller, client_address, request_id

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from approvals.models import ApiKey

HEADERS = ("HTTP_CRS_KEY_ID", "HTTP_CRS_TIMESTAMP", "HTTP_CRS_NONCE", "HTTP_CRS_SIGNATURE")


class KeyAuthentication(BaseAuthentication):
    """Signed requests (CRS-Key-Id, CRS-Timestamp, CRS-Nonce, CRS-Signature) and bearer tokens."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Caller] | None:
        raw = request._request
        bearer = raw.META.get("HTTP_AUTHORIZATION", "")
        is_signed = any(header in raw.META for header in HEADERS)
        if not (bearer or is_signed):
            return None
        at, address = clock.now(), client_address(raw.META, proxies=settings.PROXIES)
        if bearer and is_signed:
            raise keys.NotAuthentic(clock_skew_ms=None)
        if is_signed:
            key = self._signed(request, signed_request(raw), address=address, at=at)
            return AnonymousUser(), _caller(key, "signature", address)
        scheme, _, token = bearer.partition(" ")
        if scheme.lower() != "bearer":
            raise keys.NotAuthentic(clock_skew_ms=None)
        return AnonymousUser(), _caller(
            keys.authenticate_bearer(token.strip(), address=address, at=at), "bearer", address
        )

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 — DRF's signature
        return 'CRS-Signature realm="crs"'

    def _signed(self, request: Request, signed: SignedRequest, *, address: str, at: Any) -> ApiKey:
        # A halt latches: repeated, it changes nothing. So it never waits for the memory of nonces.
        is_halt = _scopes(request, (request.parser_context or {}).get("view")) == ("kill:engage",)
        return keys.authenticate_signed(
            signed,
            address=address,
            at=at,
            window_ms=settings.SIGNATURE_WINDOW_MS,
            nonces=None if is_halt else nonces_valkey.shared(),
            needs_nonce=request.method not in SAFE_METHODS,
        )


class PersonAuthentication(SessionAuthentication):
    """The portal's session, with CSRF; the scopes are those of the person's roles."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:  # Any: DRF types the user so
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        name = user.get_username()
        address = client_address(request._request.META, proxies=settings.PROXIES)
        return user, Caller(Actor("person", name), roles.scopes_of(queries.roles_of(name)), "session", None, address)


class ScopeAllows(BasePermission):
    """Lets a request pass whose caller has the scope that the view asks for; a refusal is left in the evidence."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        wanted = _scopes(request, view)
        if not wanted:
            raise MethodNotAllowed(str(request.method))
        if not isinstance(request.auth, Caller):
            raise NotAuthenticated
        caller = request.auth
        held = [scope for scope in wanted if scope in caller.scopes]
        if not held:
            _record_denied(request, caller, wanted[0])
            raise roles.NotPermitted(f"this needs the scope {' or '.join(wanted)}", scope=wanted[0])
        if caller.scheme == "bearer" and not key_rules.BEARER_ANYWHERE & set(held):
            books = set(view.books(request)) if hasattr(view, "books") else None
            if not any(key_rules.is_enough(caller.scheme, scope, books=books) for scope in held):
                _record_denied(request, caller, held[0])
                raise key_rules.SignatureRequired("a bearer key writes to the PAPER book only", scope=held[0])
        return True


def signed_request(request: HttpRequest) -> SignedRequest:
    """Return a request as it came over the wire. Gunicorn keeps the raw address; other servers have it decoded."""
    meta = request.META
    raw = urlsplit(
        str(meta.get("RAW_URI") or quote(meta.get("SCRIPT_NAME", "") + meta["PATH_INFO"], safe="/:@!$&'()*+,;=~"))
    )
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise BodyTooLarge from error
    return SignedRequest(
        key_id=meta.get("HTTP_CRS_KEY_ID", ""),
        timestamp=meta.get("HTTP_CRS_TIMESTAMP", ""),
        nonce=meta.get("HTTP_CRS_NONCE", ""),
        signature=meta.get("HTTP_CRS_SIGNATURE", ""),
        method=str(request.method),
        host=meta.get("HTTP_HOST", ""),
        path=raw.path,
        query=str(meta.get("QUERY_STRING", "")),
        body=body,
    )


def _caller(key: ApiKey, scheme: Any, address: str) -> Caller:
    return Caller(Actor("key", key.key_id), frozenset(key.scopes), scheme, key.desk_id, address)


def _scopes(request: Request, view: Any) -> tuple[str, ...]:
    """Return the scopes of which one is asked for this method; none means no such method. HEAD is a GET."""
    named: dict[str, str | tuple[str, ...]] = getattr(view, "scopes", {})
    scopes = named.get("GET" if request.method == "HEAD" else str(request.method), ())
    return (scopes,) if isinstance(scopes, str) else scopes


def _record_denied(request: Request, caller: Caller, scope: str) -> None:
    keys.record_denied(
        actor=caller.actor,
        wanted=scope,
        method=str(request.method),
        path=request.path,
        at=clock.now(),
        request_id=request_id(request),
    )
