"""How does the code say that the world said no?"""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """The world said no, and someone may ask again. Broken code is an `assert` instead.

    A refusal is named as a fact (`Unbalanced`, `KeyReused`), stands beside the function that raises it and carries the
    numbers in `facts`. `code` is what clients branch on (docs/ERRORS.md), `status` the HTTP answer, `pointer` the JSON
    pointer of the field that is to blame, "" for the whole request.
    """

    code: ClassVar[str]
    status: ClassVar[int] = 422
    title: ClassVar[str]

    def __init__(self, detail: str = "", *, pointer: str = "", **facts: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.pointer = pointer
        self.facts = facts

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        assert "code" in cls.__dict__, f"{cls.__name__} has no code"
        assert "title" in cls.__dict__, f"{cls.__name__} has no title"


class ReasonMissing(Refusal):
    """Reversals, halts, releases and modes say why; a release also says what was done about it."""

    code: ClassVar[str] = "REASON_MISSING"
    title: ClassVar[str] = "A reason is missing"
