"""Which rows does this app own? Django looks for them here."""

from strategies.models.groups import SymbolGroup
from strategies.models.sessions import Session, SymbolRun

__all__ = ["Session", "SymbolGroup", "SymbolRun"]
