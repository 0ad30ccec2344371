"""Who may do what? People have roles, keys have scopes; a key never has a role.

`MATRIX` is the permission matrix of the specification; a row enters with the first code that asks it. The roles are
Django groups, made by a migration from `ROLES`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Role = Literal["viewer", "operator", "risk", "finance", "security", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)


class Act(StrEnum):
    """A row of the permission matrix."""

    READ = "read, export, verify evidence"
    ENGAGE = "engage a kill switch, halt a strategy"
    PROPOSE = "propose a trade, a recovery, a release"
    VOTE = "vote on trades, limits, releases"
    TIGHTEN = "tighten a limit"
    CORRECT = "book corrections, close breaks and periods"
    KEYS = "make and revoke keys"
    PEOPLE = "manage users, roles, venues and accounts"


MATRIX: Mapping[Act, frozenset[Role]] = {
    Act.READ: frozenset(ROLES),
    Act.ENGAGE: frozenset({"operator", "risk", "security", "administrator"}),
    Act.PROPOSE: frozenset({"operator", "risk"}),
    Act.VOTE: frozenset({"risk", "security"}),
    Act.TIGHTEN: frozenset({"operator", "risk", "security", "administrator"}),
    Act.CORRECT: frozenset({"finance"}),
    Act.KEYS: frozenset({"security"}),
    Act.PEOPLE: frozenset({"administrator"}),
}

# What a key's scope lets a person do over REST with the session of the portal. `telemetry:write` is for machines alone.
ACT_OF_SCOPE: Mapping[str, Act] = {
    "ledger:read": Act.READ,
    "evidence:read": Act.READ,
    "ledger:write": Act.CORRECT,
    "order:propose": Act.PROPOSE,
    "kill:engage": Act.ENGAGE,
    "approvals:vote": Act.VOTE,
}


class NotPermitted(Refusal):
    """The role, or the key's scope, does not allow this. The attempt is in the evidence."""

    code: ClassVar[str] = "NOT_PERMITTED"
    title: ClassVar[str] = "Not permitted"
    status: ClassVar[int] = 403


def allows(roles: Iterable[str], act: Act) -> bool:
    """Return whether any of `roles` may do `act`; names that are no role allow nothing."""
    return not MATRIX[act].isdisjoint(roles)


def scopes_of(roles: Iterable[str]) -> frozenset[str]:
    """Return the scopes that a person with `roles` has over REST."""
    held = frozenset(roles)
    return frozenset(scope for scope, act in ACT_OF_SCOPE.items() if allows(held, act))
