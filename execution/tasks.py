"""Which doorbells does execution answer?"""

from __future__ import annotations

from celery import shared_task

from crs.kernel import clock
from crs.kernel.actor import machine
from execution.operations import exits, halting, identity, orders

WORKER = machine("worker")


@shared_task(name="execution.send_order")
def send_order(order_id: int) -> None:
    """Take one NEW order to the venue; whoever comes second finds it sent."""
    orders.carry(order_id, actor=WORKER, at=clock.now())


@shared_task(name="execution.settle_orders")
def settle_orders() -> None:
    """Ask about orders whose outcome is not known, and take over what dead carriers left."""
    orders.settle_due(actor=WORKER, at=clock.now())


@shared_task(name="execution.carry_out_exits")
def carry_out_exits() -> None:
    """Bring halts and releases to the gateways, and close what FORCE_CLOSE and CLOSE cover."""
    at = clock.now()
    halting.carry_on(at=at)
    exits.carry_out(actor=WORKER, at=at)


@shared_task(name="execution.check_accounts")
def check_accounts() -> None:
    """Ask the gateway who every open account is."""
    identity.ask_all(actor=WORKER, at=clock.now())
