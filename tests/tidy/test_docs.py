"""Do the docs say what the code does?"""

from __future__ import annotations

import ast
import re

import pytest

from tests.tidy.source import ROOT, dotted, python, tracked, tree

ENVIRONMENT_READERS = {"text", "flag", "number", "words", "os.environ.get", "os.getenv", "environ.get"}
# Names that belong to the system or to a child process, not to who configures CRS.
NOT_SETTINGS = {
    "DJANGO_SETTINGS_MODULE",
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TERM",
    "CI",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "NO_COLOR",
}


def rows(name: str) -> list[list[str]]:
    """Return the cells of every table row of a page, heads and rules left out."""
    lines = [line for line in (ROOT / "docs" / name).read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if not set(row[0]) <= set("-: ") and row[0] not in ("id", "code", "name", "word")]


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "docs/SETTINGS.md").read_text()))
    read = {
        str(node.args[0].value)
        for path in [path for path in python("crs") if path.name == "settings.py" or "stack" in path.parts]
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and dotted(node.func) in ENVIRONMENT_READERS
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert {name for name in read if name.isupper()} - NOT_SETTINGS - documented == set()


def test_the_example_environment_names_every_setting_and_sets_none() -> None:
    """`CRS_PROCESS` is the stack's own to say."""
    documented = {name for row in rows("SETTINGS.md") for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row[0])}
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert {line[2:].split("=")[0] for line in lines if "=" in line} == documented - {"CRS_PROCESS"}
    assert [line for line in lines if line and not line.startswith("# ")] == []


def test_only_the_settings_and_the_stack_read_the_environment() -> None:
    readers = {
        str(path)
        for path in python()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute | ast.Call)
        and dotted(node.func if isinstance(node, ast.Call) else node) in ("os.environ", "os.environ.get", "os.getenv")
    }
    allowed = {"crs/settings.py", "crs/wsgi.py", "crs/celery.py"}  # the last two only set DJANGO_SETTINGS_MODULE
    assert {path for path in readers if path not in allowed and not path.startswith("crs/stack/")} == set()


def test_invariants_have_one_id_each_and_name_what_exists() -> None:
    table = rows("INVARIANTS.md")
    ids = [row[0] for row in table]
    assert len(ids) == len(set(ids)), [name for name in ids if ids.count(name) > 1]
    assert [row[0] for row in table if len(row) != 5 or not all(row)] == []


@pytest.mark.parametrize("row", rows("INVARIANTS.md"), ids=lambda row: row[0])
def test_an_invariant_points_at_files_and_tests_that_exist(row: list[str]) -> None:
    for mention in re.findall(r"`([^`]+)`", " ".join(row[2:])):
        path, _, name = mention.partition("::")
        if not re.fullmatch(r"[\w./-]+\.(py|sql|md|toml|html|js)", path):
            continue
        assert (ROOT / path).exists(), mention
        if name:
            assert re.search(rf"\b{re.escape(name)}\b", (ROOT / path).read_text()), mention


def test_links_of_the_docs_lead_somewhere() -> None:
    broken = [
        f"{path}: {target}"
        for path in tracked()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / path).read_text())
        if "://" not in target and not target.startswith("mailto:") and not (ROOT / path.parent / target).exists()
    ]
    assert broken == []


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", heading) for heading in headings[1:])


def test_glossary_explains_each_word_once() -> None:
    words = [row[0].lower() for row in rows("GLOSSARY.md")]
    assert len(words) == len(set(words))
