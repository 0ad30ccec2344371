"""Is everything that a page says said in Chinese too?"""

from __future__ import annotations

import gettext
import re
from pathlib import Path

import unfold

from tests.tidy.catalogue import read_po, said
from tests.tidy.source import ROOT

FOLDER = ROOT / "crs/locale/zh_Hans/LC_MESSAGES"
SLOT = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")


def test_every_word_has_its_chinese_entry() -> None:
    """`manage.py makemessages -l zh_Hans --no-location` adds what is missing; docs/portal.md says how to go on."""
    known = {entry.key for entry in read_po(FOLDER / "django.po")}
    assert sorted({f"{key!r} in {path}" for path, key in said() if key not in known}) == []


def test_no_entry_is_empty_or_a_guess() -> None:
    assert [entry.key for entry in read_po(FOLDER / "django.po") if not entry.text or entry.is_fuzzy] == []


def test_no_entry_is_left_over() -> None:
    used = {key for _, key in said()}
    assert [entry.key for entry in read_po(FOLDER / "django.po") if entry.key not in used] == []


def test_an_entry_keeps_the_slots_of_its_original() -> None:
    wrong = [
        entry.key
        for entry in read_po(FOLDER / "django.po")
        if not set(SLOT.findall(entry.text)) >= set(SLOT.findall(entry.key))
    ]
    assert wrong == []


def test_the_compiled_catalogue_says_what_its_source_says() -> None:
    """Machines without gettext's tools read the .mo as it is committed."""
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # no public way to list it
    told = {key if isinstance(key, str) else key[0]: text for key, text in compiled.items()}
    told.pop("", None)
    assert told == {entry.key: entry.text for entry in read_po(FOLDER / "django.po")}


def test_the_list_of_the_theme_s_words_is_still_the_theme_s() -> None:
    """An upgrade of unfold that rewords a string would leave it untranslated."""
    from crs.portal.words import THEME

    folder = Path(unfold.__file__).parent
    pages = " ".join(path.read_text() for kind in ("*.html", "*.py", "*.js") for path in sorted(folder.rglob(kind)))
    assert [word for word in THEME if word not in pages] == []
