"""Which rows does this app own? Django looks for them here."""

from guardian.models.symbols import Symbol

__all__ = ["Symbol"]
