"""Does the paper gateway keep the contract, over real sockets, in a process of its own?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guardian.gateway_contract import GatewayContract
from tests.support.paper_gateway import PaperGateway, open_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardian.adapters.gateway_mt5.address import Address
    from guardian.adapters.gateway_mt5.blocking import BlockingWire


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperGateway]:
    """One gateway for all; each test has an account of its own."""
    gateway = PaperGateway(tmp_path_factory.mktemp("gateway")).start()
    yield gateway
    gateway.stop()


class TestPaperGateway(GatewayContract):
    """The contract, kept by the paper gateway."""

    @pytest.fixture
    def address(self, gateway: PaperGateway) -> Address:
        return gateway.address

    @pytest.fixture
    def wire(self, gateway: PaperGateway) -> Iterator[BlockingWire]:
        with gateway.wire() as wire:
            yield wire

    @pytest.fixture
    def login(self, wire: BlockingWire) -> str:
        return open_account(wire, "BTCUSD.s")
