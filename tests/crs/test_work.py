"""Claim, lease, fence: of many claimants one works, and a frozen one cannot write late."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import psycopg
import pytest
from django.db import connection, models, transaction

from crs.kernel import work
from crs.kernel.work import Claimable, FenceLost

if TYPE_CHECKING:
    from collections.abc import Iterator


class Errand(Claimable):
    """A row to take turns at, for these tests only."""

    result = models.TextField(default="")
    objects: ClassVar[models.Manager[Errand]] = models.Manager()

    class Meta:
        app_label = "crs"


NO_TIME = timedelta(0)


@pytest.fixture
def errand(transactional_db: None) -> Iterator[Errand]:
    with connection.schema_editor() as editor:
        editor.create_model(Errand)
    yield Errand.objects.create()
    with connection.schema_editor() as editor:
        editor.delete_model(Errand)


def claim(errand: Errand, holder: str = "alice", lease: timedelta = work.LEASE) -> work.Lease | None:
    return work.claim(Errand, id=errand.pk, holder=holder, lease=lease)


def must_claim(errand: Errand, holder: str = "alice", lease: timedelta = work.LEASE) -> work.Lease:
    held = claim(errand, holder, lease)
    assert held is not None
    return held


def test_of_twenty_claimants_exactly_one_holds_the_row(errand: Errand) -> None:
    start = threading.Barrier(20)
    held: list[work.Lease | None] = []

    def run() -> None:
        start.wait()
        try:
            held.append(claim(errand))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [lease.fence for lease in held if lease] == [1]


def test_a_held_row_is_neither_free_nor_claimed_again(errand: Errand) -> None:
    must_claim(errand)
    assert not work.free(Errand).exists()
    assert claim(errand, "bob") is None


def test_a_lapsed_lease_is_taken_over_with_a_higher_fence(errand: Errand) -> None:
    first = must_claim(errand, lease=NO_TIME)
    assert work.free(Errand).exists()
    second = must_claim(errand, "bob")
    assert (first.fence, second.fence, second.attempt) == (1, 2, 2)


def test_a_frozen_holder_finds_no_row_and_his_work_is_undone(errand: Errand) -> None:
    """Goal: a late write changes nothing. Method: alice freezes, bob takes over and finishes, alice wakes up."""
    frozen = must_claim(errand, lease=NO_TIME)
    bob = must_claim(errand, "bob")
    work.finish(bob, result="bob's")

    @transaction.atomic
    def finish_late() -> None:
        Errand.objects.create(result="alice's late row")
        work.finish(frozen, result="alice's")

    with pytest.raises(FenceLost):
        finish_late()

    assert list(Errand.objects.values_list("result", flat=True)) == ["bob's"]
    with pytest.raises(FenceLost):
        work.renew(frozen, result="alice's")
    with pytest.raises(FenceLost):
        work.give_up(frozen, wait=NO_TIME)


def test_renewing_keeps_the_row_and_saves_with_it(errand: Errand) -> None:
    lease = must_claim(errand, lease=timedelta(milliseconds=1))
    work.renew(lease, result="half way")
    assert claim(errand, "bob") is None
    errand.refresh_from_db()
    assert errand.result == "half way"


def test_finish_frees_the_row_and_forgets_the_attempts(errand: Errand) -> None:
    work.finish(must_claim(errand))
    errand.refresh_from_db()
    assert (errand.attempts, errand.lease_until, errand.holder, errand.fence) == (0, None, "", 1)


def test_give_up_waits_and_keeps_count(errand: Errand) -> None:
    work.give_up(must_claim(errand), wait=timedelta(hours=1))
    assert claim(errand) is None
    Errand.objects.update(not_before=None)
    assert must_claim(errand).attempt == 2


def test_a_doorbell_rings_at_commit_and_not_after_a_rollback(errand: Errand) -> None:
    database = connection.settings_dict
    listener = psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        autocommit=True,
    )
    with listener:
        listener.execute(f"LISTEN {work.DOORBELL}")
        with transaction.atomic():
            work.ring("strategies.trade_group", 1)
            transaction.set_rollback(True)
        with transaction.atomic():
            work.ring("strategies.trade_group", 2)
        heard = [json.loads(note.payload) for note in listener.notifies(timeout=5, stop_after=1)]
    assert heard == [{"task": "strategies.trade_group", "id": 2}]


def test_the_lease_of_a_dead_holder_ends_and_his_fence_with_the_next_claim(errand: Errand) -> None:
    buried = must_claim(errand, holder="dead")
    assert work.end_leases(Errand, is_dead=lambda holder: holder == "alive") == []
    assert claim(errand) is None
    assert work.end_leases(Errand, is_dead=lambda holder: holder == "dead") == [errand.pk]
    successor = must_claim(errand)
    assert successor.fence == buried.fence + 1
    with pytest.raises(FenceLost):
        work.finish(buried, result="too late")
    work.finish(successor, result="in time")
