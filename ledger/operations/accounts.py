"""How do assets and ledger accounts come to be?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import transaction

from approvals.operations import audit
from crs.kernel.refusal import Refusal
from ledger import queries
from ledger.models import AccountType, Asset, LedgerAccount
from ledger.rules import chart as rules

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.actor import Actor
    from ledger.rules.chart import Chart


class AssetTaken(Refusal):
    """The asset exists with another number of decimals, which never changes."""

    code: ClassVar[str] = "ASSET_TAKEN"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The asset has another number of decimals"


@transaction.atomic
def open_asset(*, code: str, decimals: int, actor: Actor, at: datetime) -> Asset:
    """Open an asset, or return the one that has this code. Raises `AssetTaken` when its decimals are others."""
    asset, is_new = Asset.objects.get_or_create(code=code, defaults={"decimals": decimals})
    if asset.decimals != decimals:
        raise AssetTaken(f"{code} has {asset.decimals} decimals", asset=code, decimals=asset.decimals)
    if is_new:
        audit.record(
            action="ledger.asset.opened",
            actor=actor,
            subject_kind="ledger.asset",
            subject_id=code,
            at=at,
            after={"decimals": decimals},
        )
    return asset


@transaction.atomic
def open_chart(account: Account, *, actor: Actor, at: datetime) -> Chart:
    """Open every ledger account of a venue account, and the assets this release knows; what exists stays.

    Whoever is given an Account may call it at once: opening twice changes nothing.
    """
    for code, decimals in rules.ASSETS.items():
        open_asset(code=code, decimals=decimals, actor=actor, at=at)
    known = set(LedgerAccount.objects.filter(account=account).values_list("type", "sub"))
    missing = [pair for pair in rules.CHART if pair not in known]
    if missing:
        LedgerAccount.objects.bulk_create(
            [
                LedgerAccount(
                    code=rules.code(account.code, type_, sub),
                    type=AccountType(type_),
                    sub=sub,
                    desk_id=account.desk_id,
                    account=account,
                    book=account.book,
                    opened_at=at,
                )
                for type_, sub in missing
            ],
            ignore_conflicts=True,
        )
        audit.record(
            action="ledger.chart.opened",
            actor=actor,
            subject_kind="approvals.account",
            subject_id=account.code,
            at=at,
            desk_id=account.desk_id,
            after={"accounts": [rules.code(account.code, *pair) for pair in missing]},
        )
    return queries.chart(account.id)
