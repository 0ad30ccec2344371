"""How far may an order go? The figures of the order rules, until they are rows of the limits tree with a history."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from crs.kernel.money import BPS
from execution.rules.facts import CASH_DECIMALS, Bounds

# The copy of the halts is polled each 250 ms; older than 1 s means "not safe".
HALTS_AGE_MAX: Final = timedelta(seconds=1)
# The identity is checked every minute; half a minute more for one that is late.
IDENTITY_AGE_MAX: Final = timedelta(seconds=90)
# A tick older than 1 s updates state and opens no risk.
TICK_AGE_MAX: Final = timedelta(seconds=1)
# The price collar, 2 % from the reference price by default.
COLLAR_BPS: Final = BPS // 50
# Our choice, about eight times the largest demo order (0.1 lot of gold): 100,000 of the account currency.
NOTIONAL_MAX: Final = 100_000 * 10**CASH_DECIMALS
# Our choice: longer than a client's double click or a repeated message, shorter than any of our signals.
DUPLICATE_WINDOW: Final = timedelta(milliseconds=200)
# A permit expires after 10 s of wall time.
PERMIT: Final = timedelta(seconds=10)
# An equity mark that is older than this is no figure for a loss limit.
EQUITY_AGE_MAX: Final = timedelta(seconds=15)

BOUNDS: Final = Bounds(
    halts_age_max=HALTS_AGE_MAX,
    identity_age_max=IDENTITY_AGE_MAX,
    tick_age_max=TICK_AGE_MAX,
    collar_bps=COLLAR_BPS,
    notional_max=NOTIONAL_MAX,
)
