"""Who did it? Every change of the book, of a limit and of a halt names its actor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["person", "key", "machine", "role"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (user name), a key (key id), one of our machines (its process) or a database role."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def machine(name: str) -> Actor:
    """Return one of our own processes as an actor, such as `machine("worker")`."""
    return Actor("machine", name)
