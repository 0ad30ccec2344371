"""What is left of a journal after the worst moment to die?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.gateway import journal
from guardian.gateway.journal import Journal, JournalDamaged, JournalHeld

if TYPE_CHECKING:
    from pathlib import Path

RECORDS: list[dict[str, Any]] = [{"kind": "A", "n": 1}, {"kind": "Ä", "text": "two\nlines"}, {"kind": "C", "rows": [1]}]


def written(folder: Path, records: list[dict[str, Any]] = RECORDS) -> Path:
    book = Journal(folder)
    for record in records:
        book.append(record)
    book.commit()
    book.close()
    return folder / journal.NAME


def test_what_was_committed_is_read_again(tmp_path: Path) -> None:
    written(tmp_path)
    again = Journal(tmp_path)
    assert again.records == RECORDS
    again.close()


def test_nothing_is_on_disk_before_the_commit(tmp_path: Path) -> None:
    book = Journal(tmp_path)
    book.append({"kind": "A"})
    assert (tmp_path / journal.NAME).read_bytes() == b""
    book.commit()
    assert len(journal.read((tmp_path / journal.NAME).read_bytes())[0]) == 1
    book.close()


@pytest.mark.property
@given(cut=st.integers(0, 200))
def test_a_torn_last_line_is_dropped_and_everything_before_it_kept(cut: int) -> None:
    content = b"".join(journal.line(record) for record in RECORDS)
    torn = content[: max(len(content) - cut, 0)]
    records, good = journal.read(torn)
    assert records == RECORDS[: len(records)]
    assert torn[:good] == b"".join(journal.line(record) for record in records)
    whole = sum(torn.startswith(b"".join(journal.line(row) for row in RECORDS[:n])) for n in range(1, 4))
    assert len(records) == whole


def test_after_a_torn_line_the_journal_goes_on(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_bytes(file.read_bytes()[:-7])
    book = Journal(tmp_path)
    assert book.records == RECORDS[:2]
    book.append({"kind": "D"})
    book.commit()
    book.close()
    again = Journal(tmp_path)
    assert again.records == [*RECORDS[:2], {"kind": "D"}]
    again.close()


def test_damage_in_the_middle_is_not_guessed_about(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_bytes(file.read_bytes().replace(b'"n":1', b'"n":2'))
    with pytest.raises(JournalDamaged, match="line 1"):
        Journal(tmp_path)


def test_a_journal_has_one_writer(tmp_path: Path) -> None:
    book = Journal(tmp_path)
    with pytest.raises(JournalHeld):
        Journal(tmp_path)
    book.close()
    Journal(tmp_path).close()


def test_clocks_are_replaced_whole_and_may_be_missing(tmp_path: Path) -> None:
    book = Journal(tmp_path)
    assert book.clocks() == {}
    book.save_clocks({"900001": 5})
    assert book.clocks() == {"900001": 5}
    (tmp_path / journal.CLOCKS).write_text("{torn")
    assert book.clocks() == {}
    book.close()
