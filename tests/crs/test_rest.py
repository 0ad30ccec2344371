"""Who is the client behind proxies, and does a caller reach a desk?"""

from __future__ import annotations

import pytest

from crs.kernel.actor import Actor
from crs.kernel.rest import Caller, client_address

FORGED = "6.6.6.6, 1.2.3.4, 10.0.0.1"


@pytest.mark.parametrize(
    ("headers", "proxies", "address"),
    [
        ({"REMOTE_ADDR": "9.9.9.9"}, 0, "9.9.9.9"),
        ({"REMOTE_ADDR": "9.9.9.9", "HTTP_X_FORWARDED_FOR": FORGED}, 0, "9.9.9.9"),
        ({"REMOTE_ADDR": "10.0.0.2", "HTTP_X_FORWARDED_FOR": FORGED}, 1, "10.0.0.1"),
        ({"REMOTE_ADDR": "10.0.0.2", "HTTP_X_FORWARDED_FOR": FORGED}, 2, "1.2.3.4"),
        ({"REMOTE_ADDR": "10.0.0.2", "HTTP_X_FORWARDED_FOR": FORGED}, 9, "10.0.0.2"),
        ({"REMOTE_ADDR": "10.0.0.2"}, 1, "10.0.0.2"),
        ({}, 0, ""),
    ],
)
def test_only_configured_proxies_are_believed(headers: dict[str, str], proxies: int, address: str) -> None:
    assert client_address(headers, proxies=proxies) == address


def test_a_caller_of_one_desk_reaches_that_desk_alone() -> None:
    wide = Caller(Actor("key", "k1"), frozenset(), "signature")
    narrow = Caller(Actor("key", "k1"), frozenset(), "signature", desk_id=1)
    assert wide.reaches(1)
    assert wide.reaches(2)
    assert narrow.reaches(1)
    assert not narrow.reaches(2)
