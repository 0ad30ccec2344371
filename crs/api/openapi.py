"""What does the machine-readable description say that the views do not say themselves?"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from approvals.rules.keys import BEARER_ANYWHERE, BEARER_ON_PAPER
from crs.api.idempotency import GOOD as KEY
from crs.kernel.rest import SAFE_METHODS, Versioned

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. Clients branch on `code`; docs/ERRORS.md lists all of them.",
    "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:crs:problem:unbalanced"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "examples": ["UNBALANCED"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer; empty for the whole request"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "request_id": {"type": "string"},
        "facts": {"type": "object", "description": "The numbers of the refusal", "additionalProperties": True},
        "clock_skew_ms": {"type": ["integer", "null"], "description": "401 only: our clock minus yours"},
    },
}


class Schema(AutoSchema):
    """Adds to every operation its scope, its problem answer, and the headers that edits and commands carry."""

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's own signature
        text = super().get_description() or ""
        if scopes := self._scopes():
            return f"{text}\n\nScope: {' or '.join(f'`{scope}`' for scope in scopes)}".strip()
        return text

    def _scopes(self) -> tuple[str, ...]:
        scopes = getattr(self.view, "scopes", {}).get(self.method, ())
        return (scopes,) if isinstance(scopes, str) else scopes

    def get_tags(self) -> list[str]:
        """Group by the first word after /api/v1/."""
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        headers = []
        if self.method not in SAFE_METHODS:
            is_optional = getattr(self.view, "key_in_body", False)
            words = "Names this call; repeat it with the same key"
            headers.append(_header("Idempotency-Key", words, not is_optional, pattern=f"^{KEY.pattern}$"))
            if isinstance(self.view, Versioned):
                headers.append(_header("If-Match", "The ETag that the edit was made on", required=True))
        if headers:
            operation["parameters"] = [*operation.get("parameters", []), *headers]
        if scopes := self._scopes():
            weak = (BEARER_ANYWHERE | BEARER_ON_PAPER) & set(scopes)
            operation["security"] = [{name: []} for name in ("signature", *(["bearer"] if weak else []), "session")]
        operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
        return operation


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular has no types
    """Describes signed requests and bearer tokens."""

    target_class = "crs.api.access.KeyAuthentication"
    name = ["signature", "bearer"]  # noqa: RUF012 — drf-spectacular's attribute

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:  # noqa: ARG002 — its signature
        signed = "CRS-Key-Id, CRS-Timestamp, CRS-Nonce and CRS-Signature; docs/api.md shows a client"
        return [
            {"type": "apiKey", "in": "header", "name": "CRS-Signature", "description": signed},
            {"type": "http", "scheme": "bearer", "description": "crs_…: reading, telemetry, and the PAPER book"},
        ]


class PersonScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular has no types
    """Describes the portal's session."""

    target_class = "crs.api.access.PersonAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:  # noqa: ARG002 — its signature
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "The portal's session, with CSRF"}


def add_problem(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Postprocessing hook: put the one shape of refusals beside the other components."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components.setdefault("responses", {})["Problem"] = {
        "description": "Refused",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return result


def _header(name: str, description: str, required: bool, **schema: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "schema": {"type": "string", **schema},
        "description": description,
    }
