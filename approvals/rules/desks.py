"""What may a desk, a venue or an account be called, and which money may it hold?"""

from __future__ import annotations

import re
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crs.kernel.refusal import Refusal

# Codes stand in ledger account codes, in scopes (`DESK:…`) and in URLs: capitals, digits and hyphens only.
CODE = r"^[A-Z0-9]+(-[A-Z0-9]+)*$"
DESK_CODE_LENGTH_MAX = 32
ACCOUNT_CODE_LENGTH_MAX = 48  # room for the house accounts of the longest desk code


class MalformedCode(Refusal):
    """A code has other characters than capitals, digits and single hyphens, or is too long."""

    code: ClassVar[str] = "MALFORMED_CODE"
    title: ClassVar[str] = "A code is made of capitals, digits and hyphens"


class BookMismatch(Refusal):
    """The LIVE book is for real accounts, and real accounts are for the LIVE book."""

    code: ClassVar[str] = "BOOK_MISMATCH"
    title: ClassVar[str] = "The account does not belong to this book"


class UnknownTimezone(Refusal):
    """The time zone is in no IANA list, so that no trading day can be told."""

    code: ClassVar[str] = "UNKNOWN_TIMEZONE"
    title: ClassVar[str] = "The time zone is unknown"


class UnknownDesk(Refusal):
    """There is no desk of that code."""

    code: ClassVar[str] = "UNKNOWN_DESK"
    title: ClassVar[str] = "There is no such desk"


def refuse_malformed_code(code: str, *, length_max: int = DESK_CODE_LENGTH_MAX) -> None:
    """Raise `MalformedCode` unless `code` may name a desk, a venue or (with its longer limit) an account."""
    if len(code) > length_max or not re.fullmatch(CODE, code):
        raise MalformedCode(f"{code[:length_max]!r} is no code of at most {length_max} characters", given=code[:100])


def refuse_mixed_book(*, book: str, trade_mode: str) -> None:
    """Raise `BookMismatch` unless the account is real exactly when its book is LIVE."""
    if (book == "LIVE") != (trade_mode == "REAL"):
        raise BookMismatch(f"a {trade_mode} account cannot stand in the {book} book", book=book, trade_mode=trade_mode)


def refuse_unknown_timezone(name: str) -> None:
    """Raise `UnknownTimezone` unless `name` is an IANA time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UnknownTimezone(f"{name[:64]!r} is no IANA time zone", given=name[:100]) from error


def house_code(desk_code: str, book: str) -> str:
    """Return the code of a desk's house account in a book, such as `DEMO-HOUSE-PAPER`."""
    return f"{desk_code}-HOUSE-{book}"
