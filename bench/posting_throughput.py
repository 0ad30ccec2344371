"""How fast is a journal posted through our public operation, beside the ceilings of ceilings.sql in the same run?

`bare` is two legs without a guarantee; `full` has legs by arrays, key, digest, leaf and a per-row deferred check,
called by psycopg alone. In batches there is `rows` as well: what one of ours leaves on the disk, with every index and
hashed leaf, and nothing that looks at it; `full` is then called 500 times inside one statement. Ours is
`ledger.operations.posting` with every guarantee on. Two legs, 100 hot accounts, autocommit; each client is a process of
its own; all take turns in every round and medians are compared.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, JOURNALS, BATCHES, BATCH = 5, 2_000, 10, 500
ACCOUNTS = 100
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
OWNER = os.environ.get("OWNER_DATABASE_URL") or os.environ["DATABASE_URL"]
BARE = "SELECT ceiling.bare(%s, %s, %s, %s, %s)"
BARE_MANY = "SELECT ceiling.bare_many(%s::bigint[], %s::bigint[], %s::numeric[], %s, %s)"
FULL_MANY = "SELECT ceiling.full_many(%s::text[], %s::bigint[], %s::bigint[], %s, %s, %s)"
ROWS_MANY = "SELECT ceiling.rows_many(%s::text[], %s::bigint[], %s::bigint[], %s, %s, %s)"
FULL = "SELECT * FROM ceiling.full(%s, %s::bigint[], %s::int[], %s::numeric[], %s, %s)"

Shape = dict[str, Any]  # ids of the desk, the venue account, the asset and the ledger accounts


def main() -> None:
    django.setup()
    shape = prepare()
    single = measure(["bare", "full", "ours"], clients=1, shape=shape)
    crowd = measure(["bare", "full", "ours"], clients=4, shape=shape)
    batches = measure(["bare_many", "full_many", "rows_many", "ours_many"], clients=1, shape=shape)
    for figures, clients in ((single, "1 client"), (crowd, "4 clients")):
        share = figures["ours"] / figures["full"]
        target = 0.80 if clients == "1 client" else 0.75
        of_bare = figures["ours"] / figures["bare"]
        told = f"full {figures['full']:,.0f}/s, bare {figures['bare']:,.0f}/s; of bare {of_bare:.2f}"
        result(f"posting one by one, {clients}", figures["ours"], "journals/s", leaves_out=told)
        result(f"posting one by one, {clients}, share of `full`", share, "× full", target=target, leaves_out=told)
    rates = ", ".join(f"{name} {batches[f'{name}_many']:,.0f}/s" for name in ("bare", "rows", "full"))
    result("posting in batches of 500", batches["ours_many"], "journals/s", leaves_out=rates)
    for name, target in (("full", 1.0), ("rows", None), ("bare", None)):
        share = batches["ours_many"] / batches[f"{name}_many"]
        result(f"posting in batches of 500, share of `{name}`", share, f"× {name}", target=target, leaves_out=rates)


def result(name: str, figure: float, unit: str, **more: Any) -> None:
    more = {key: value for key, value in more.items() if value is not None}
    print(json.dumps({"name": name, "figure": figure, "unit": unit, **more}), flush=True)


def prepare() -> Shape:
    """Make the ceilings, and a desk with 100 ledger accounts of its own, as the owner."""
    from approvals.models import Account
    from approvals.operations import desks
    from crs.kernel.actor import machine
    from ledger.models import LedgerAccount
    from ledger.operations import accounts

    with psycopg.connect(OWNER, autocommit=True) as owner:
        owner.execute((Path(__file__).parent / "ceilings.sql").read_text())
        owner.execute(f"INSERT INTO ceiling.bare_balance SELECT n, 0 FROM generate_series(1, {ACCOUNTS}) AS n")
    me, now = machine("bench"), datetime.now(tz=UTC)
    desk = desks.open_desk(code=f"BENCH-{time.time_ns() // 1_000_000}", name="Bench", actor=me, at=now)
    account = Account.objects.get(desk=desk, book="PAPER")
    chart = accounts.open_chart(account, actor=me, at=now)
    rows = LedgerAccount.objects.bulk_create(
        LedgerAccount(
            code=f"{account.code}:EQUITY:{chr(65 + n // 10)}{chr(65 + n % 10)}",
            type="EQUITY",
            sub=f"{chr(65 + n // 10)}{chr(65 + n % 10)}",
            desk=desk,
            account=account,
            book="PAPER",
            opened_at=now,
        )
        for n in range(ACCOUNTS)
    )
    from ledger import queries

    return {
        "desk": chart.desk_id,
        "account": chart.account_id,
        "asset": queries.asset("USD").id,
        "accounts": [row.id for row in rows],
    }


def measure(names: list[str], *, clients: int, shape: Shape) -> dict[str, float]:
    """Return the median rate of each, all of them in turn in every round; the first round warms up."""
    spawn = multiprocessing.get_context("spawn")
    gates = [spawn.Pipe() for _ in range(clients)]
    workers = [spawn.Process(target=client, args=(far, number, shape)) for number, (_, far) in enumerate(gates)]
    for worker in workers:
        worker.start()
    for near, _ in gates:
        near.recv()
    rates: dict[str, list[float]] = {name: [] for name in names}
    for number in range(ROUNDS + 1):
        for name in names:
            began = time.perf_counter()
            for near, _ in gates:
                near.send(name)
            done = sum(near.recv() for near, _ in gates)
            if number:
                rates[name].append(done / (time.perf_counter() - began))
    for (near, _), worker in zip(gates, workers, strict=True):
        near.send(None)
        worker.join()
    return {name: statistics.median(found) for name, found in rates.items()}


def client(gate: Any, number: int, shape: Shape) -> None:
    """One process: does what it is told, as often as it is told, and says how many journals that was."""
    django.setup()
    chance, serial = random.Random(number), itertools.count()
    prefix = f"bench-{os.getpid()}-{time.time_ns()}"
    owner = psycopg.connect(OWNER, autocommit=True)

    def key() -> str:
        return f"{prefix}-{next(serial)}"

    work: dict[str, Callable[[], int]] = {
        "bare": lambda: bare(owner, chance),
        "bare_many": lambda: bare_many(owner, chance),
        "full_many": lambda: many(owner, FULL_MANY, chance, shape, key),
        "rows_many": lambda: many(owner, ROWS_MANY, chance, shape, key),
        "full": lambda: full(owner, chance, shape, key),
        "ours": lambda: ours(chance, shape, key),
        "ours_many": lambda: ours_many(chance, shape, key),
    }
    gate.send("ready")
    while (name := gate.recv()) is not None:
        gate.send(work[name]())
    owner.close()


def bare(owner: psycopg.Connection[Any], chance: random.Random) -> int:
    for _ in range(JOURNALS):
        one, two = chance.sample(range(1, ACCOUNTS + 1), 2)
        owner.execute(BARE, (one, two, 100, AT, "bench"), prepare=True).fetchone()
    return JOURNALS


def bare_many(owner: psycopg.Connection[Any], chance: random.Random) -> int:
    for _ in range(BATCHES):
        pairs = [chance.sample(range(1, ACCOUNTS + 1), 2) for _ in range(BATCH)]
        debits, credits_ = ("{" + ",".join(str(pair[side]) for pair in pairs) + "}" for side in (0, 1))
        amounts = "{" + ",".join(["100"] * BATCH) + "}"
        owner.execute(BARE_MANY, (debits, credits_, amounts, AT, "bench"), prepare=True).fetchone()
    return BATCHES * BATCH


def many(
    owner: psycopg.Connection[Any], statement: str, chance: random.Random, shape: Shape, key: Callable[[], str]
) -> int:
    for _ in range(BATCHES):
        pairs = [chance.sample(shape["accounts"], 2) for _ in range(BATCH)]
        debits, credits_ = ("{" + ",".join(str(pair[side]) for pair in pairs) + "}" for side in (0, 1))
        keys = [key() for _ in range(BATCH)]
        owner.execute(statement, (keys, debits, credits_, shape["asset"], AT, "bench"), prepare=True).fetchone()
    return BATCHES * BATCH


def full(owner: psycopg.Connection[Any], chance: random.Random, shape: Shape, key: Callable[[], str]) -> int:
    assets = f"{{{shape['asset']},{shape['asset']}}}"
    for _ in range(JOURNALS):
        one, two = chance.sample(shape["accounts"], 2)
        owner.execute(FULL, (key(), f"{{{one},{two}}}", assets, "{100,-100}", AT, "bench"), prepare=True).fetchone()
    return JOURNALS


def ours(chance: random.Random, shape: Shape, key: Callable[[], str]) -> int:
    from crs.kernel.actor import machine
    from ledger.operations import posting

    me = machine("bench")
    for _ in range(JOURNALS):
        posting.post(entry(chance, shape, key()), actor=me)
    return JOURNALS


def ours_many(chance: random.Random, shape: Shape, key: Callable[[], str]) -> int:
    from crs.kernel.actor import machine
    from ledger.operations import posting

    me = machine("bench")
    for _ in range(BATCHES):
        posting.post_many([entry(chance, shape, key()) for _ in range(BATCH)], actor=me)
    return BATCHES * BATCH


def entry(chance: random.Random, shape: Shape, key: str) -> Any:
    from ledger.rules.posting import Entry

    one, two = chance.sample(shape["accounts"], 2)
    return Entry(
        key=key,
        desk=shape["desk"],
        account=shape["account"],
        kind="TRADE",
        book="PAPER",
        occurred_at=AT,
        memo="bench",
        accounts=(one, two),
        assets=(shape["asset"], shape["asset"]),
        units=(100, -100),
    )


if __name__ == "__main__":
    main()
