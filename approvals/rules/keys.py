"""What may a key be made for?"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Kind = Literal["ed25519", "hmac", "bearer"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Scope = Literal[
    "ledger:read",
    "ledger:write",
    "telemetry:write",
    "order:propose",
    "kill:engage",
    "approvals:vote",
    "evidence:read",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)

# A bearer token travels with every request and can be read on the way: it may look, report, and play with paper money.
BEARER_ANYWHERE = frozenset({scope for scope in SCOPES if scope.endswith(":read")} | {"telemetry:write"})
BEARER_ON_PAPER = frozenset({"ledger:write", "order:propose"})
# Whoever proposes orders reads where they can go and what became of them.
TRADE_READERS: tuple[Scope, ...] = ("ledger:read", "order:propose")

# The middle of a bearer token (`crs_<label>_…`), by environment: a leaked one tells where it belongs.
LABELS = {"production": "live", "staging": "staging", "demo": "demo"}


class KeyMalformed(Refusal):
    """A key cannot be made like this: name, kind, scopes, addresses or expiry."""

    code: ClassVar[str] = "KEY_MALFORMED"
    title: ClassVar[str] = "A key cannot be made like this"


class SignatureRequired(Refusal):
    """A bearer token does not reach this; a signed request does."""

    code: ClassVar[str] = "SIGNATURE_REQUIRED"
    title: ClassVar[str] = "This needs a signed request"
    status: ClassVar[int] = 403


def refuse_malformed(*, name: str, kind: str, scopes: Iterable[str], addresses: Sequence[str]) -> None:
    """Raise `KeyMalformed` unless the name says something, kind and scopes exist, and addresses are networks."""
    if not name.strip() or len(name) > 80:
        raise KeyMalformed("a key has a name of at most 80 characters", pointer="/name")
    if kind not in KINDS:
        raise KeyMalformed(f"a key is one of {', '.join(KINDS)}", pointer="/kind")
    asked = set(scopes)
    unknown = sorted(asked - set(SCOPES))
    if unknown or not asked:
        raise KeyMalformed(f"scopes are {', '.join(SCOPES)}", pointer="/scopes", unknown=unknown)
    if kind == "bearer" and (strong := sorted(asked - BEARER_ANYWHERE - BEARER_ON_PAPER)):
        raise KeyMalformed(f"a bearer key cannot have {', '.join(strong)}: make an ed25519 key", pointer="/scopes")
    for address in addresses:
        try:
            ipaddress.ip_network(address)
        except ValueError as error:
            raise KeyMalformed(f"{address[:60]!r} is no address or network", pointer="/addresses") from error


def is_allowed_from(addresses: Sequence[str], address: str) -> bool:
    """Return whether a key limited to `addresses` (networks; none means anywhere) may be used from `address`."""
    if not addresses:
        return True
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(here in ipaddress.ip_network(network) for network in addresses)


def is_enough(scheme: str, scope: str, *, books: Iterable[str | None] | None) -> bool:
    """Return whether a credential of `scheme` carries `scope` here; `books` are those the request would write."""
    if scheme != "bearer" or scope in BEARER_ANYWHERE:
        return True
    return scope in BEARER_ON_PAPER and books is not None and set(books) == {"PAPER"}
