"""What does every story need? A venue that is a process of its own, and a desk with an account there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from guardian.adapters.gateway_mt5.blocking import BlockingWire
from ledger import queries as ledger_queries
from tests.execution.conftest import configure
from tests.execution.venue import VenueDesk
from tests.support.paper_gateway import PaperGateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def venue(tmp_path: Path, settings: Any) -> Iterator[PaperGateway]:
    """A paper gateway that belongs to this story: it may be killed and halted."""
    gateway = PaperGateway(tmp_path).start()
    configure(gateway, settings)
    yield gateway
    gateway.stop()


@pytest.fixture
def desk(venue: PaperGateway, db: None) -> Iterator[VenueDesk]:
    """Alice's desk, with an account at the venue and the permission to trade."""
    ledger_queries.forget()
    with BlockingWire(venue.address) as wire:
        yield VenueDesk.open(wire)
    ledger_queries.forget()
