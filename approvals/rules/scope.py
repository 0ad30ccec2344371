"""What does a halt, a mode or a limit cover?

A scope is `GLOBAL` or `KIND:id`, such as `SYMBOL:XAUUSD.s`. People and commands may write it in any case; two spellings
of one scope are one scope.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from crs.kernel.refusal import Refusal

Kind = Literal["GLOBAL", "DESK", "VENUE", "ACCOUNT", "CHAIN", "STRATEGY", "SYMBOL", "KEY"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Key = tuple[Kind, str]  # a scope with its case folded
# ASCII only: lower() here and in PostgreSQL then agree, and no two scopes look alike.
ID = re.compile(r"[A-Za-z0-9#][A-Za-z0-9._#/@-]{0,63}", re.ASCII)


class ScopeMalformed(Refusal):
    """The text is neither GLOBAL nor KIND:id."""

    code: ClassVar[str] = "SCOPE_MALFORMED"
    title: ClassVar[str] = "No such scope"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an order, an intent or a request belongs to; "" where it has none (a closing deal has no strategy).

    `keys` are the scopes that cover it, made once: an order path asks for them at every tick.
    """

    desk: str = ""
    venue: str = ""
    account: str = ""
    chain: str = ""
    strategy: str = ""
    symbol: str = ""
    key: str = ""
    keys: frozenset[Key] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ids = ((kind, self.of(kind).lower()) for kind in KINDS[1:])
        object.__setattr__(self, "keys", frozenset({("GLOBAL", ""), *(pair for pair in ids if pair[1])}))

    def of(self, kind: Kind) -> str:
        """Return the id under which this subject falls into a scope of `kind`; GLOBAL has the id ""."""
        return "" if kind == "GLOBAL" else str(getattr(self, kind.lower()))


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the installation that can be stopped: its kind and the id there; GLOBAL has the id "".

    Two spellings of one scope are equal: they have one `key`.
    """

    kind: Kind
    id: str = field(default="", compare=False)
    key: Key = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS or (self.id == "") != (self.kind == "GLOBAL"):
            raise ScopeMalformed(_EXPECTED, kind=str(self.kind), id=self.id)
        if self.id and not ID.fullmatch(self.id):
            raise ScopeMalformed(_EXPECTED, kind=self.kind, id=self.id[:100])
        object.__setattr__(self, "key", (self.kind, self.id.lower()))

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


_EXPECTED = f"a scope is GLOBAL or KIND:id, KIND one of {', '.join(KINDS[1:])}"
GLOBAL = Scope("GLOBAL")


def parse(text: str) -> Scope:
    """Return the scope that `text` names, in any case of its kind. Raises `ScopeMalformed`."""
    kind, _, scope_id = text.strip().partition(":")
    known: dict[str, Kind] = {name: name for name in KINDS}
    if kind.upper() not in known:
        raise ScopeMalformed(_EXPECTED, text=text[:100])
    return Scope(known[kind.upper()], scope_id)


def covers(scope: Scope, subject: Subject) -> bool:
    """Return whether `scope` stops `subject`; GLOBAL stops everything."""
    return scope.key in subject.keys
