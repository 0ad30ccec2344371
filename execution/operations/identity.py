"""Does the gateway stand on the account that we think? Asked at the start, at each reconnect and every minute."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import transaction

from approvals.operations import killswitch
from approvals.rules.scope import Scope
from crs.kernel.stopwatch import Stopwatch
from execution import queries
from execution.models import AccountCheck
from guardian.adapters.gateway_mt5.address import GatewayKeyMissing
from guardian.adapters.gateway_mt5.answers import AccountMismatch, GatewaySilent, GatewayUnreachable
from guardian.adapters.gateway_mt5.blocking import reading

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.models import Account
    from crs.kernel.actor import Actor
    from guardian.adapters.gateway_mt5.blocking import BlockingWire
    from guardian.adapters.gateway_records import Identity

log = logging.getLogger(__name__)
NOT_SERVED = "(not served by the gateway)"


@transaction.atomic
def check(account: Account, found: Identity | None, *, actor: Actor, at: datetime) -> bool:
    """Keep who the gateway says the account is and return whether it is the one; None: it serves no such login.

    Another login, server, trade mode, margin mode or currency stops the account before its first order: the gate
    refuses by this row, and an ACCOUNT halt is latched until people have looked at it. Positions are kept: closing them
    on an account that is not ours would be trading on it.
    """
    expected = queries.expected_identity(account)
    actual = NOT_SERVED
    if found is not None:
        actual = f"{found.login} {found.server} {found.trade_mode} {found.margin_mode} {found.currency}"
    before = AccountCheck.objects.filter(account=account).first()
    AccountCheck.objects.update_or_create(
        account=account, defaults={"expected": expected, "actual": actual, "checked_at": at}
    )
    if actual == expected:
        return True
    if before is not None and before.actual == actual:
        return False  # halted for this very answer already; what people released since, the gate still refuses
    killswitch.engage(
        scope=Scope("ACCOUNT", account.code),
        positions="KEEP",
        reason=f"ACCOUNT_MISMATCH: expected {expected}, the gateway says {actual}",
        actor=actor,
        at=at,
    )
    return False


def ask(account: Account, *, wire: BlockingWire, actor: Actor, at: datetime) -> bool:
    """Ask the gateway who the account is, and `check` the answer. Raises `GatewayUnreachable` or `GatewaySilent`."""
    watch = Stopwatch(at)
    try:
        found = wire.ping(account.login)
    except AccountMismatch:
        found = None
    return check(account, found, actor=actor, at=watch.at)


def ask_all(*, actor: Actor, at: datetime) -> int:
    """Ask about every open account and return how many are the right ones.

    A gateway that does not answer leaves the rows to age: after 90 s they refuse new risk by themselves.
    """
    accounts = list(queries.venue_accounts())
    right = 0
    if not accounts:
        return right
    try:
        with reading() as wire:
            for account in accounts:
                right += ask(account, wire=wire, actor=actor, at=at)
    except (GatewayUnreachable, GatewaySilent, GatewayKeyMissing) as refusal:
        log.warning("accounts were not checked: %s", refusal)
    return right
