"""How do coroutines ask the database while Django refuses it under a running loop? Between two turns of the loop.

`outside` hands a plain function over and waits; the loop then stops for a moment, the function runs in plain code on
Django's usual connection, and the loop goes on with its result. So a transaction never spans an await.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class Turns:
    """An event loop of our own, driven turn by turn. Use it from one thread, and close it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._calls: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()  # Any: each call its own type

    async def outside(self, function: Callable[[], T]) -> T:
        """Run `function` between two turns and return what it returns, or raise what it raises."""
        future: asyncio.Future[T] = self.loop.create_future()
        self._calls.append((future, function))
        self.loop.stop()
        return await future

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` to its end, and every call handed over meanwhile; whatever it left running is cancelled."""
        task = self.loop.create_task(main)
        task.add_done_callback(lambda _: self.loop.stop())
        try:
            self._drive(task)
        finally:
            left = asyncio.all_tasks(self.loop)
            for other in left:
                other.cancel()
            gathered = asyncio.gather(*left, return_exceptions=True) if left else None
            if gathered is not None:
                self._drive(gathered)
        return task.result()

    def close(self) -> None:
        """Close the loop."""
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def _drive(self, until: asyncio.Future[Any]) -> None:
        if not until.done():
            until.add_done_callback(lambda _: self.loop.stop())
        while not until.done():
            self.loop.run_forever()  # until a call is handed over, or the end
            while self._calls:
                future, function = self._calls.popleft()
                if future.cancelled():
                    continue
                try:
                    future.set_result(function())
                except BaseException as error:  # noqa: BLE001 — it belongs to whoever waits for the future
                    future.set_exception(error)
