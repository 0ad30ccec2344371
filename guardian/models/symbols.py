"""What does a venue say about a symbol, and what did we last see of it?"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from crs.kernel.fields import BaseUnitsField


class Symbol(models.Model):
    """One symbol on one account: the row of the symbol map, and its last tick.

    Made and refreshed from the venue's own record by `operations.symbols.register`; the listener writes the last tick
    twice a second, for people's eyes: whoever trades reads the hot stream. Volumes are 10⁻⁸ lots, `stops_level` and
    `freeze_level` points.
    """

    account = models.ForeignKey("approvals.Account", on_delete=models.PROTECT, related_name="symbols")
    symbol = models.CharField(max_length=16)
    venue_symbol = models.CharField(max_length=32)
    digits = models.PositiveSmallIntegerField()
    point = models.DecimalField(max_digits=18, decimal_places=8)
    tick_size = models.DecimalField(max_digits=18, decimal_places=8)
    tick_value = models.DecimalField(max_digits=24, decimal_places=8)
    contract_size = models.DecimalField(max_digits=24, decimal_places=8)
    volume_min = BaseUnitsField()
    volume_step = BaseUnitsField()
    volume_max = BaseUnitsField()
    stops_level = models.PositiveIntegerField(default=0)
    freeze_level = models.PositiveIntegerField(default=0)
    filling_modes = models.JSONField(default=list)
    sessions = models.JSONField(default=list)
    base_asset = models.CharField(max_length=12)
    quote_asset = models.CharField(max_length=12)
    is_synthetic = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    registered_at = models.DateTimeField()

    # The last tick that was received.
    bid = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    ask = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    seq = models.BigIntegerField(default=0)
    venue_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    gaps = models.PositiveIntegerField(default=0)  # how often ticks were missing before one that came
    gap_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("symbol")
        verbose_name_plural = _("symbols")
        constraints = [
            models.UniqueConstraint(fields=["account", "symbol"], name="symbol_once_per_account"),
            models.CheckConstraint(
                condition=Q(volume_min__gt=0) & Q(volume_step__gt=0) & Q(volume_max__gte=F("volume_min")),
                name="symbol_volumes_ordered",
            ),
            models.CheckConstraint(condition=Q(contract_size__gt=0) & Q(point__gt=0), name="symbol_sizes_positive"),
        ]
        indexes = [models.Index(fields=["is_active"], condition=Q(is_active=True), name="symbol_active")]

    def __str__(self) -> str:
        return self.symbol
