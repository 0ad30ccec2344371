"""The database is asked between two turns of the loop, and never inside one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection

from strategies.operations.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def turns() -> Iterator[Turns]:
    driver = Turns()
    yield driver
    driver.close()


def one() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
def test_a_coroutine_asks_the_database_between_two_turns(turns: Turns) -> None:
    async def ask() -> int:
        with pytest.raises(SynchronousOnlyOperation):
            one()
        return await turns.outside(one)

    assert turns.run(ask()) == 1


def test_many_coroutines_take_turns_and_each_gets_its_own_answer(turns: Turns) -> None:
    async def many() -> list[int]:
        return await asyncio.gather(*[turns.outside(lambda number=number: number * 2) for number in range(50)])  # type: ignore[misc]  # a bound default

    assert turns.run(many()) == [number * 2 for number in range(50)]


def test_an_error_belongs_to_the_coroutine_that_asked(turns: Turns) -> None:
    def fail() -> None:
        raise LookupError("no such row")

    async def ask() -> str:
        try:
            await turns.outside(fail)
        except LookupError as error:
            return str(error)
        return "nothing"

    assert turns.run(ask()) == "no such row"


def test_what_main_left_running_is_cancelled(turns: Turns) -> None:
    seen: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append(await turns.outside(lambda: "cleaned up"))

    async def main() -> None:
        task = asyncio.ensure_future(endless())
        await asyncio.sleep(0)
        assert not task.done()

    turns.run(main())
    assert seen == ["cleaned up"]
