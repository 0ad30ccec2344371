"""What does every session of a test need? A venue of its own, empty hot streams, and no copy of halts left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from approvals import queries
from tests.strategies import stage
from tests.support.paper_gateway import PaperGateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def gateway(tmp_path: Path, settings: Any, transactional_db: None) -> Iterator[PaperGateway]:
    """Run a paper gateway and the listener; both end with the test."""
    stage.forget_ticks()
    venue = PaperGateway(tmp_path).start()
    settings.GATEWAY_COMMAND_URL = venue.command
    settings.GATEWAY_TICKS_URL = venue.ticks
    settings.GATEWAY_KEY_FILE = tmp_path / "gateway.key"
    with stage.listening():
        yield venue
    queries.watch().stop()
    queries._watch = None  # the next test reads another database
    venue.stop()
