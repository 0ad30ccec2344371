"""Does docs/ERRORS.md list every code that the code can answer, with its status?"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

from django.urls import get_resolver
from rest_framework.serializers import Serializer, ValidationError

from crs.api.problems import CODES, FIELD_CODES, field_code
from crs.kernel.filters import Filters
from crs.kernel.refusal import Refusal
from tests.tidy.source import PACKAGES, python
from tests.tidy.test_docs import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bound to their own names by Django, Celery or a command line: importing them here starts nothing we want.
NOT_IMPORTED = {"apps.py", "wsgi.py", "celery.py", "__main__.py"}


def refusals(parent: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for child in parent.__subclasses__():
        yield child
        yield from refusals(child)


def ours() -> list[type[Refusal]]:
    """Return every refusal defined in our packages; each module that names one is imported first."""
    for path in python():
        if path.name not in NOT_IMPORTED and "(Refusal)" in path.read_text():
            importlib.import_module(".".join(path.with_suffix("").parts))
    return [refusal for refusal in refusals() if not refusal.__module__.startswith("tests")]


def test_every_code_is_in_the_catalogue_with_its_status() -> None:
    listed = {(code, row[1]) for row in rows("ERRORS.md") for code in re.findall(r"`([A-Z0-9_]+)`", row[0])}
    missing = {
        f"{refusal.code} {refusal.status} ({refusal.__module__}.{refusal.__name__})"
        for refusal in ours()
        if (refusal.code, str(refusal.status)) not in listed
    }
    assert missing == set()


def test_the_codes_of_the_framework_are_in_the_catalogue_too() -> None:
    listed = {row[0].strip("`") for row in rows("ERRORS.md")}
    assert {code for code, _ in CODES.values()} - listed == set()


def test_every_code_that_a_field_or_a_parameter_can_say_is_in_the_catalogue() -> None:
    """`errors[].code` is what a client branches on, field by field."""
    get_resolver().url_patterns  # noqa: B018 — imports every view with its bodies and filters
    forms = [field for made in below(Filters) for field in made.base_filters.values()]
    asked = [field for made in below(Serializer) for field in made().fields.values()] + [form.field for form in forms]
    said = {
        code for field in asked for code in (*field.error_messages, *(getattr(v, "code", "") for v in field.validators))
    }
    assert {"required", "invalid_choice", "max_length", "null_characters_not_allowed", "not_a_list"} <= said
    ours_too = {"INEXACT_AMOUNT"} | set(FIELD_CODES.values())
    listed = {row[0].strip("`") for row in rows("ERRORS.md")}
    assert {field_code(ValidationError("x"), code, "INVALID") for code in said} | ours_too <= listed


def below(parent: type) -> Iterator[type[Any]]:
    """Return every class of ours below `parent`."""
    children: list[type[Any]] = parent.__subclasses__()
    for child in children:
        yield from below(child)
        if child.__module__.split(".")[0] in PACKAGES:
            yield child


def test_one_code_has_one_status() -> None:
    statuses: dict[str, set[int]] = {}
    for refusal in ours():
        statuses.setdefault(refusal.code, set()).add(refusal.status)
    assert {code: found for code, found in statuses.items() if len(found) > 1} == {}


def test_codes_are_listed_once() -> None:
    """A code of the gate or of the wire may stand once more where REST or a command answers it."""
    codes = [(row[0], row[1]) for row in rows("ERRORS.md")]
    assert [code for code in codes if codes.count(code) > 1] == []
