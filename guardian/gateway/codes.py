"""Which codes does a gateway refuse with?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Code → short own code (−1 parse, −2 missing, −3 invalid, −4 time-out or internal), in `data.retcode` unless the
# terminal gave a return code of its own.
CODES: Final[Mapping[str, int]] = {
    "INVALID_JSON": -1, "UNSUPPORTED_VERSION": -3, "SERVER_ERROR": -4, "MISSING_ACTION": -2, "UNKNOWN_ACTION": -3,
    "MISSING_SYMBOL": -2, "MISSING_TYPE": -2, "MISSING_TICKET": -2, "MISSING_FIELD": -2, "INVALID_VOLUME": -3,
    "INVALID_VALUE": -3, "RISK_SIGNATURE_INVALID": -3, "SIGNATURE_EXPIRED": -3, "NONCE_REPLAYED": -3, "STALE_EPOCH": -3,
    "KILL_SWITCH_ENGAGED": -3, "MT5_NOT_CONNECTED": -4, "MT5_ORDER_FAILED": -4, "MT5_EXCEPTION": -4,
    "MT5_CLOSE_FAILED": -4, "ACCOUNT_ERROR": -3, "ACCOUNT_EXCEPTION": -4, "POSITIONS_EXCEPTION": -4,
    "HISTORY_ERROR": -3, "HISTORY_INCOMPLETE": -4, "ORDER_NOT_FOUND": -3, "RATE_LIMITED": -4, "ACCOUNT_MISMATCH": -3,
    "UNKNOWN_SYMBOL": -3, "UNSUPPORTED_FILLING": -3, "INVALID_STOPS": -3, "MARKET_CLOSED": -4,
}  # fmt: skip


class Refused(Exception):
    """The other end said no: `code` of `CODES`, a sentence, and the terminal's return code if it gave one."""

    def __init__(self, code: str, message: str, *, retcode: int | None = None, data: dict[str, Any] | None = None):
        assert code in CODES, code
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = {**(data or {}), "retcode": CODES[code] if retcode is None else retcode}
