"""Where is a gateway, and how do we prove who we are?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings

from crs.kernel.refusal import Refusal
from guardian.adapters.gateway_mt5.answers import GatewayUnreachable
from guardian.gateway import protocol

if TYPE_CHECKING:
    from guardian.gateway.protocol import Key


class GatewayKeyMissing(Refusal):
    """There is no usable key file: nothing can be signed."""

    code: ClassVar[str] = "GATEWAY_KEY_MISSING"
    title: ClassVar[str] = "The gateway's key cannot be read"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway is and how we prove who we are. `curve` is its public key and our own pair, off loopback."""

    command: str
    ticks: str
    key: Key
    gateway_id: str = "PAPER"
    curve: tuple[bytes, bytes, bytes] | None = None


def configured() -> Address:
    """Return the gateway of the settings. Raises `GatewayUnreachable` without an address, `GatewayKeyMissing`."""
    if not settings.GATEWAY_COMMAND_URL:
        raise GatewayUnreachable("no address: start a stack, or set GATEWAY_COMMAND_URL and GATEWAY_TICKS_URL")
    try:
        key = protocol.read_keys(Path(settings.GATEWAY_KEY_FILE))[0]
    except (OSError, ValueError) as error:
        raise GatewayKeyMissing(str(error)) from error
    return Address(settings.GATEWAY_COMMAND_URL, settings.GATEWAY_TICKS_URL, key, settings.GATEWAY_ID)
