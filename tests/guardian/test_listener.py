"""Every tick goes into the hot stream once and in order, whatever dies meanwhile."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guardian.adapters.hot_redis import HotTierLost
from guardian.daemons.listener import Listener
from guardian.queries import Watched
from guardian.rules.ticks import Tick


class Feed:
    """A feed that only remembers whom it follows."""

    def __init__(self) -> None:
        self.followed: set[str] = set()

    def follow(self, login: str) -> None:
        self.followed.add(login)

    def unfollow(self, login: str) -> None:
        self.followed.discard(login)


class Writer:
    """A hot tier that can be away."""

    def __init__(self) -> None:
        self.is_away = False
        self.written: list[tuple[str, int]] = []
        self.forgotten: list[str] = []

    def write(self, batch: list[tuple[str, Tick]]) -> None:
        if self.is_away:
            raise HotTierLost
        self.written += [(code, tick.seq) for code, tick in batch]

    def forget(self, account_code: str) -> None:
        self.forgotten.append(account_code)


WATCHED = Watched(1, "7", "PAPER-7", "BTCUSD.s", 0)


@pytest.fixture
def listener() -> Listener:
    made = Listener(Feed(), Writer())  # type: ignore[arg-type]  # the same methods, without a network
    made.look([WATCHED])
    return made


def heard(*seqs: int, login: str = "7", symbol: str = "BTCUSD.s") -> list[tuple[str, Tick]]:
    return [(login, Tick(symbol, seq, Decimal(1), Decimal(2), seq, seq)) for seq in seqs]


def written(listener: Listener) -> list[tuple[str, int]]:
    listener.write()
    writer = listener.writer
    assert isinstance(writer, Writer)
    return writer.written


def test_ticks_are_written_in_order_and_repeats_are_left_out(listener: Listener) -> None:
    """A gateway that was killed repeats the last second when it is back."""
    listener.hear(heard(1, 2, 3))
    listener.hear(heard(2, 3, 4))
    assert [seq for _, seq in written(listener)] == [1, 2, 3, 4]
    assert listener.gaps == {}


def test_missing_ticks_are_noticed(listener: Listener) -> None:
    listener.hear(heard(1, 5))
    assert listener.gaps == {("7", "BTCUSD.s"): 1}


def test_only_active_symbols_of_known_accounts_are_written(listener: Listener) -> None:
    """Inactive symbols do not run."""
    listener.hear(heard(1, login="8") + heard(1, symbol="ETHUSD.s"))
    assert written(listener) == []


def test_ticks_wait_while_valkey_is_away(listener: Listener) -> None:
    writer = listener.writer
    assert isinstance(writer, Writer)
    writer.is_away = True
    listener.hear(heard(1, 2))
    assert written(listener) == []
    writer.is_away = False
    listener.hear(heard(3))
    assert [seq for _, seq in written(listener)] == [1, 2, 3]


def test_an_account_that_nobody_trades_is_let_go(listener: Listener) -> None:
    listener.hear(heard(1))
    listener.look([])
    assert isinstance(listener.feed, Feed)
    assert isinstance(listener.writer, Writer)
    assert (listener.feed.followed, listener.writer.forgotten, listener.seqs) == (set(), ["PAPER-7"], {})
