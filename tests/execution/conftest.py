"""What do the tests of execution share? One paper gateway for all of them; each opens accounts of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from guardian.adapters.gateway_mt5.blocking import BlockingWire
from ledger import queries as ledger_queries
from tests.execution.venue import VenueDesk
from tests.support.paper_gateway import PaperGateway

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperGateway]:
    """One gateway process for the tests that leave it alive."""
    gateway = PaperGateway(tmp_path_factory.mktemp("gateway")).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def gateway(shared_gateway: PaperGateway, settings: Any) -> PaperGateway:
    """The shared gateway, configured as this installation's."""
    configure(shared_gateway, settings)
    return shared_gateway


@pytest.fixture
def own_gateway(tmp_path: Any, settings: Any) -> Iterator[PaperGateway]:
    """A gateway that the test may kill or halt."""
    gateway = PaperGateway(tmp_path).start()
    configure(gateway, settings)
    yield gateway
    gateway.stop()


@pytest.fixture
def wire(gateway: PaperGateway) -> Iterator[BlockingWire]:
    """A blocking wire to the shared gateway."""
    with BlockingWire(gateway.address) as opened:
        yield opened


@pytest.fixture
def desk(wire: BlockingWire, db: None) -> Iterator[VenueDesk]:
    """A desk with an account at the shared gateway."""
    ledger_queries.forget()
    yield VenueDesk.open(wire)
    ledger_queries.forget()


def configure(gateway: PaperGateway, settings: Any) -> None:
    """Point the settings at a gateway."""
    settings.GATEWAY_COMMAND_URL = gateway.command
    settings.GATEWAY_TICKS_URL = gateway.ticks
    settings.GATEWAY_KEY_FILE = gateway.folder / "gateway.key"
