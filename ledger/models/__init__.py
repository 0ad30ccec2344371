"""What does the book consist of? One file per noun."""

from ledger.models.accounts import AccountType, Asset, Balance, LedgerAccount
from ledger.models.journals import Journal, Kind, Posting

__all__ = ["AccountType", "Asset", "Balance", "Journal", "Kind", "LedgerAccount", "Posting"]
