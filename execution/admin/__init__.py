"""What was asked, what was allowed, and what happened? Lists to read, one file each; nothing here sends or cancels."""

from execution.admin.fills import FillAdmin
from execution.admin.intents import IntentAdmin
from execution.admin.orders import OrderAdmin

__all__ = ["FillAdmin", "IntentAdmin", "OrderAdmin"]
