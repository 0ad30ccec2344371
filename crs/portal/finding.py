"""Which row does a reader mean? Looked up by id, key, or how it begins: a few of each kind, one bounded query each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals import queries as approvals_queries
from execution import queries as execution_queries
from guardian import queries as guardian_queries
from ledger import queries as ledger_queries
from strategies import queries as strategies_queries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.contrib.auth.models import User
    from django.utils.functional import _StrPromise

    from approvals.models import Account, ApiKey, AuditEvent, KillSwitch
    from execution.models import Fill, Intent, Order
    from guardian.models import Symbol
    from ledger.models import Journal, LedgerAccount
    from strategies.models import Session

HITS_MAX = 5  # of one kind: who wants more filters its list
TEXT_MAX = 200  # the longest key, with room; a longer text is none of ours
DETAIL_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Hit:
    """One row that was found: its name, what else tells it from others, its state (may be empty), and its page."""

    title: str
    detail: str
    state: str
    href: str


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of one kind, at most `HITS_MAX`."""

    title: str
    hits: tuple[Hit, ...]


def find(text: str) -> list[Found]:
    """Return what has this id, this key, or begins so, by kind in the order of the sidebar; kinds without any left out.

    A number may be written with the # that pages show before it.
    """
    asked = text.strip().removeprefix("#")
    if not asked or len(asked) > TEXT_MAX:
        return []
    kinds = ((title, look(asked, limit=HITS_MAX), tell) for title, look, tell in KINDS)
    return [Found(str(title), tuple(tell(row) for row in rows)) for title, rows, tell in kinds if rows]


def only_hit(found: Sequence[Found]) -> Hit | None:
    """Return the hit when there is exactly one: nobody has to choose."""
    hits = [hit for kind in found for hit in kind.hits]
    return hits[0] if len(hits) == 1 else None


# ── How a row is told from others ─────────────────────────────────────────────────────────────────────────────────────
def _hit(page: str, key: Any, title: str, *details: object, state: str = "") -> Hit:
    detail = Truncator(" · ".join(str(part) for part in details if part)).chars(DETAIL_SHOWN)
    return Hit(title, detail, state, reverse(page, args=[key]))


def _symbol(row: Symbol) -> Hit:
    state = "ACTIVE" if row.is_active else "ENDED"
    return _hit("admin:guardian_symbol_change", row.pk, row.symbol, row.account.code, state=state)


def _session(row: Session) -> Hit:
    title, account = _("Session %(id)d") % {"id": row.pk}, row.account.code if row.account else ""
    return _hit("admin:strategies_session_change", row.pk, title, account, row.desk.code, state=row.state)


def _halt(row: KillSwitch) -> Hit:
    epoch = _("epoch %d") % row.epoch
    return _hit("kill-progress", row.epoch, str(row.scope), epoch, row.reason, state=row.state)


def _journal(row: Journal) -> Hit:
    return _hit("admin:ledger_journal_change", row.pk, f"#{row.pk}", row.get_kind_display(), row.key, row.memo)


def _ledger_account(row: LedgerAccount) -> Hit:
    return _hit("admin:ledger_ledgeraccount_change", row.pk, row.code, row.get_type_display(), row.get_book_display())


def _intent(row: Intent) -> Hit:
    title = f"#{row.pk}"
    return _hit("admin:execution_intent_change", row.pk, title, row.symbol, row.account.code, row.key, state=row.result)


def _order(row: Order) -> Hit:
    number = row.venue_order or row.client_order_id
    title = f"#{row.pk}"
    return _hit("admin:execution_order_change", row.pk, title, row.symbol, row.account.code, number, state=row.state)


def _fill(row: Fill) -> Hit:
    return _hit("admin:execution_fill_change", row.pk, row.deal, row.symbol, row.account.code, row.strategy)


def _event(row: AuditEvent) -> Hit:
    subject = f"{row.subject_kind} {row.subject_id}"
    return _hit("admin:approvals_auditevent_change", row.pk, f"#{row.pk}", row.action, subject)


def _account(row: Account) -> Hit:
    return _hit("admin:approvals_account_change", row.pk, row.code, row.desk.code, row.venue.code, row.login)


def _key(row: ApiKey) -> Hit:
    state = "REVOKED" if row.revoked_at else ""
    return _hit("admin:approvals_apikey_change", row.pk, row.key_id, row.name, state=state)


def _person(row: User) -> Hit:
    return _hit("admin:auth_user_change", row.pk, row.username, row.get_full_name())


KINDS: tuple[tuple[_StrPromise, Callable[..., list[Any]], Callable[[Any], Hit]], ...] = (
    (gettext_lazy("Symbols"), guardian_queries.find_symbols, _symbol),
    (gettext_lazy("Sessions"), strategies_queries.find_sessions, _session),
    (gettext_lazy("Halts"), approvals_queries.find_halts, _halt),
    (gettext_lazy("Journals"), ledger_queries.find_journals, _journal),
    (gettext_lazy("Ledger accounts"), ledger_queries.find_ledger_accounts, _ledger_account),
    (gettext_lazy("Intents"), execution_queries.find_intents, _intent),
    (gettext_lazy("Orders"), execution_queries.find_orders, _order),
    (gettext_lazy("Fills"), execution_queries.find_fills, _fill),
    (gettext_lazy("Evidence"), approvals_queries.find_events, _event),
    (gettext_lazy("Venues and accounts"), approvals_queries.find_accounts, _account),
    (gettext_lazy("Keys"), approvals_queries.find_keys, _key),
    (gettext_lazy("People"), approvals_queries.find_people, _person),
)
