"""What does the book consist of? One file per noun."""

from ledger.models.accounts import AccountType, Asset, Balance, LedgerAccount
from ledger.models.deals import Deal
from ledger.models.journals import Journal, Kind, Posting
from ledger.models.marks import NavMark
from ledger.models.reconciliation import Break, Reconciliation

__all__ = [
    "AccountType",
    "Asset",
    "Balance",
    "Break",
    "Deal",
    "Journal",
    "Kind",
    "LedgerAccount",
    "NavMark",
    "Posting",
    "Reconciliation",
]
