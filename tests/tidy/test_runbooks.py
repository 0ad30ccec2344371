"""Do the runbooks say the same in English and in Chinese? Prose cannot be compared; everything beside it can."""

from __future__ import annotations

import re
import textwrap

import pytest

from tests.tidy.source import ROOT

ENGLISH, CHINESE = ROOT / "docs/runbooks", ROOT / "docs/runbooks/zh"
NAMES = sorted(path.name for path in ENGLISH.glob("*.md"))
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    """Return language and content of every code block, without its indent."""
    return [(language, textwrap.dedent(content)) for _, language, content in FENCE.findall(text)]


def shape(text: str) -> list[str]:
    """Return, in order, what a page is built of: headings by level, steps by number, table rows by their cells."""
    lines = FENCE.sub("", text).splitlines()
    found = [re.match(r"(#+) |(\d+\.) |(\|)|([*-]) ", line) for line in lines]
    return [
        f"{line.count('|')} cells" if match[3] else match[0].strip()
        for line, match in zip(lines, found, strict=True)
        if match
    ]


def codes(text: str) -> set[str]:
    """Return what stands between backticks outside the code blocks: commands, codes, names, fields."""
    return set(re.findall(r"`([^`\n]+)`", FENCE.sub("", text)))


def test_every_runbook_is_there_in_both_languages() -> None:
    assert [path.name for path in sorted(CHINESE.glob("*.md"))] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_links_to_its_other_language_at_the_top(name: str) -> None:
    assert (ENGLISH / name).read_text().splitlines()[2] == f"English · [中文](zh/{name})"
    assert (CHINESE / name).read_text().splitlines()[2] == f"[English](../{name}) · 中文"


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_show_the_same_commands_and_outputs(name: str) -> None:
    assert blocks((CHINESE / name).read_text()) == blocks((ENGLISH / name).read_text())


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_headings_steps_and_tables(name: str) -> None:
    assert shape((CHINESE / name).read_text()) == shape((ENGLISH / name).read_text())


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_name_the_same_codes(name: str) -> None:
    assert codes((CHINESE / name).read_text()) == codes((ENGLISH / name).read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_is_listed_in_the_index(name: str) -> None:
    for folder in (ENGLISH, CHINESE):
        assert name == "README.md" or f"]({name})" in (folder / "README.md").read_text()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "README.md"])
def test_a_runbook_says_first_what_is_safe_then_what_to_do(name: str) -> None:
    text = (ENGLISH / name).read_text()
    head, steps = text.split("## Do this\n\n", 1)
    assert "**Still safe:**" in head
    assert steps.startswith("1. ")
    assert re.search(r"^\d\. \*\*Call\b", steps, re.MULTILINE), "when to call whom is a step"
