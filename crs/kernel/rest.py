"""What do the REST views of all apps share? Who calls, how an edit proves that it is fresh, where a caller sits.

The plugs themselves — problem+json, keys, scopes, cursors, idempotency — are `crs.api`, put in by settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.response import Response

    from crs.kernel.actor import Actor

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request that passed authentication.

    `scopes` are the key's own, or those of a person's roles. `desk_id` narrows a key to one desk; None is every desk.
    """

    actor: Actor
    scopes: frozenset[str]
    scheme: Literal["session", "bearer", "signature"]
    desk_id: int | None = None
    address: str = ""

    def reaches(self, desk_id: int) -> bool:
        """Return whether the caller may see and touch rows of this desk."""
        return self.desk_id is None or self.desk_id == desk_id


def caller(request: Request) -> Caller:
    """Return who sent `request`. Views behind the default permission classes always have one."""
    assert isinstance(request.auth, Caller), "this view lets anybody in: it has no caller"
    return request.auth


def request_id(request: Any) -> str:  # Any: Django's and DRF's requests
    """Return the id that the answer carries as X-Request-ID and that evidence of this request names."""
    return str(getattr(getattr(request, "_request", request), "request_id", ""))


def client_address(headers: Mapping[str, Any], *, proxies: int) -> str:
    """Return the address of the client, seen through `proxies` trusted proxies; 0 believes no header at all."""
    if not proxies:
        return str(headers.get("REMOTE_ADDR", ""))
    hops = [hop.strip() for hop in str(headers.get("HTTP_X_FORWARDED_FOR", "")).split(",") if hop.strip()]
    return hops[-proxies] if len(hops) >= proxies else str(headers.get("REMOTE_ADDR", ""))


class UnknownField(Refusal):
    """The body names a field that nobody reads: a misspelt one would be silently ignored."""

    code: ClassVar[str] = "UNKNOWN_FIELD"
    title: ClassVar[str] = "No field is called that"


def refuse_unknown_fields(body: object, fields: Mapping[str, Any], pointer: str = "") -> None:
    """Raise `UnknownField` when an object of the body, or one inside it, has a field that its serializer does not know.

    `fields` are the serializer's and `pointer` is where the body stands. Its form is for the serializer to judge.
    """
    if isinstance(body, list):
        for index, item in enumerate(body):
            refuse_unknown_fields(item, fields, f"{pointer}/{index}")
    if not isinstance(body, dict):
        return
    if unknown := sorted(body.keys() - fields.keys()):
        name = unknown[0][:80]
        at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        raise UnknownField(f"no field is called {name!r}; there are {', '.join(fields)}", pointer=at)
    for name, said in body.items():
        one = getattr(fields[name], "child", fields[name])
        if inner := getattr(one, "fields", None):
            refuse_unknown_fields(said, inner, f"{pointer}/{name}")


class DeskRows:
    """Mixed into a view on rows that belong to desks: a caller sees those of the desks that it reaches.

    `rows` is the query that returns the rows of one desk, or of all for None.
    """

    rows: ClassVar[Callable[[int | None], QuerySet[Any]]]
    request: Any  # DRF and its stubs disagree about the type of a view's request

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows that the caller may see; the schema is made without a caller, and shows none."""
        is_schema = getattr(self, "swagger_fake_view", False)
        return type(self).rows(None if is_schema else caller(self.request).desk_id)


class PreconditionMissing(Refusal):
    """An edit came without If-Match."""

    code: ClassVar[str] = "PRECONDITION_MISSING"
    title: ClassVar[str] = "An edit needs If-Match"
    status: ClassVar[int] = 428


class PreconditionStale(Refusal):
    """The resource has changed since the ETag that If-Match names."""

    code: ClassVar[str] = "PRECONDITION_STALE"
    title: ClassVar[str] = "Somebody else has changed it"
    status: ClassVar[int] = 412


class Versioned:
    """Mixed into a view on one editable resource: reads answer its ETag, edits need it in If-Match.

    The view calls `refuse_stale(version)` before it edits and `stamp(response, version)` on every answer. `version` is
    the row's own counter: hashing the rendering would change with every release.
    """

    request: Any  # DRF and its stubs disagree about the type of a view's request

    def etag(self, version: int) -> str:
        """Return the entity tag of a version of this resource."""
        return f'"v{version}"'

    def refuse_stale(self, version: int) -> None:
        """Raise `PreconditionMissing` or `PreconditionStale` unless If-Match names this version."""
        given = self.request.headers.get("If-Match")
        if given is None:
            raise PreconditionMissing
        if self.etag(version) not in [tag.strip() for tag in given.split(",")]:
            raise PreconditionStale(current=self.etag(version))

    def stamp(self, response: Response, version: int) -> Response:
        """Return `response` with its ETag."""
        response["ETag"] = self.etag(version)
        return response
