"""Which ledger accounts does a venue account have, and what are they called?"""

from __future__ import annotations

from dataclasses import dataclass

ASSET_CODE = r"^[A-Z0-9]+$"
LEDGER_CODE = r"^[A-Z0-9]+(-[A-Z0-9]+)*:[A-Z_]+(:[A-Z_]+)?$"

# (type, sub) of every ledger account that a venue account is opened with: what its recipes post to.
CHART = (
    ("VENUE", ""),
    ("VENUE", "CREDIT"),
    ("STRATEGY", ""),
    ("CONVERSION", ""),
    ("FEES", "COMMISSION"),
    ("FEES", "SWAP"),
    ("FEES", "FEE"),
    ("FEES", "CHARGE"),
    ("FEES", "TAX"),
    ("EXTERNAL", ""),
    ("SUSPENSE", ""),
    ("ROUNDING", ""),
    ("FOREIGN", ""),
    ("REWARD_INCOME", ""),
    ("EQUITY", ""),
)

# Decimals of the assets that this release trades. A currency is kept to the millionth, whatever its venue rounds to.
ASSETS = {"USD": 6, "EUR": 6, "BTC": 8, "ETH": 18, "XAU": 8}


@dataclass(frozen=True, slots=True)
class Chart:
    """The ids of a venue account's ledger accounts, by name; what a recipe posts to."""

    account_id: int
    account_code: str
    desk_id: int
    book: str
    currency: str
    venue: int
    venue_credit: int
    strategy: int
    conversion: int
    fees_commission: int
    fees_swap: int
    fees_fee: int
    fees_charge: int
    fees_tax: int
    external: int
    suspense: int
    rounding: int
    foreign: int
    reward_income: int
    equity: int


def code(account_code: str, type_: str, sub: str = "") -> str:
    """Return the code of a ledger account, such as `PAPER-7:FEES:COMMISSION`."""
    return ":".join(part for part in (account_code, type_, sub) if part)


def field(type_: str, sub: str = "") -> str:
    """Return the name of a (type, sub) in `Chart`, such as `fees_commission`."""
    return "_".join(part.lower() for part in (type_, sub) if part)
