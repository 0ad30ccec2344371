"""When is a loss too large?"""

from __future__ import annotations


def is_passed(*, pnl_units: int, limit_units: int) -> bool:
    """Return whether a loss limit trips: the loss is strictly larger than the limit. A profit never trips anything.

    Both in base units of one currency. Source: specification, money and signs: loss = max(0, -PnL), trips when
    loss > limit.
    """
    assert limit_units > 0, "a limit is positive"
    return max(0, -pnl_units) > limit_units
