"""What does a catalogue of translations say, and which words of the source belong in it? No gettext tools needed."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation.template import templatize

from tests.tidy.source import ROOT, dotted, python, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKERS = {
    "_",
    "_t",
    "gettext",
    "gettext_lazy",
    "gettext_noop",
    "ngettext",
    "ngettext_lazy",
    "pgettext",
    "pgettext_lazy",
}
CONTEXT_MARKERS = {"pgettext", "pgettext_lazy"}
TEXT = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[0\])?) (".*")$|^(".*")$')
IN_TEMPLATE = re.compile(r"\b(?:gettext|ngettext|_)\(u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a .po file; `key` is what gettext looks for (context, U+0004, msgid)."""

    key: str
    text: str
    is_fuzzy: bool


def read_po(path: Path) -> list[Entry]:
    """Return the entries of a .po file, its head left out."""
    return [entry for block in path.read_text().split("\n\n") if (entry := _entry(block)) is not None]


def _entry(block: str) -> Entry | None:
    parts: dict[str, str] = {}
    current = ""
    for line in block.splitlines():
        if found := TEXT.match(line):
            current = found[1] or current
            parts[current] = parts.get(current, "") + ast.literal_eval(found[2] or found[3])
    if not parts.get("msgid"):
        return None
    context = f"{parts['msgctxt']}\x04" if "msgctxt" in parts else ""
    text = parts.get("msgstr", parts.get("msgstr[0]", ""))
    return Entry(context + parts["msgid"], text, "#, fuzzy" in block)


def said() -> Iterator[tuple[str, str]]:
    """Yield (file, key) of everything marked for translation in Python files and templates of the product."""
    for path in python():
        if path.parts[0] not in ("tests", "bench", "docs", "tools"):
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.Call) and dotted(node.func) in MARKERS and node.args:
                    yield from ((str(path), key) for key in _keys(node))
    for template in sorted((ROOT / "crs/templates").rglob("*.html")):
        for found in IN_TEMPLATE.finditer(templatize(template.read_text())):
            yield str(template.relative_to(ROOT)), ast.literal_eval(found[1])


def _keys(node: ast.Call) -> Iterator[str]:
    words = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if words:
        yield "\x04".join(words[:2]) if dotted(node.func) in CONTEXT_MARKERS else words[0]
