"""How does a table leave for a spreadsheet? As CSV that is streamed line by line, and in which nothing is a formula."""

from __future__ import annotations

import csv
from itertools import chain
from typing import TYPE_CHECKING, Final

from django.http import StreamingHttpResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file that hands back what is written: the CSV writer then makes lines for a stream."""

    def write(self, line: str) -> str:
        return line


def cell(value: object) -> str:
    """Return a cell as text; one that a spreadsheet would take for a formula is prefixed. None is empty."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def download(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """Return rows under their head as a file of that name; `rows` are read while they are sent."""
    writer = csv.writer(_Echo())
    lines = ([cell(value) for value in row] for row in chain([head], rows))
    answer = StreamingHttpResponse(map(writer.writerow, lines), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer
