"""Where does a session's trading stand? One row that slices take turns at."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crs.kernel.work import Claimable


class SymbolGroup(Claimable):
    """The symbols of one session, as one piece of work: a slice claims it, trades, and finishes under its fence.

    `cursor` is the last entry of the hot stream that was handled; `state` is what the symbols remember at that entry.
    Both are saved together, each second and at the end of a slice, so that whoever takes over goes on from there.
    """

    session = models.OneToOneField("strategies.Session", on_delete=models.PROTECT, related_name="group")
    cursor = models.CharField(max_length=40, default="0-0")
    state = models.JSONField(default=dict)
    slices = models.PositiveIntegerField(default=0)
    handled_at = models.DateTimeField(null=True)
    handing_over_until = models.DateTimeField(null=True)  # the next slice has been rung and waits for the lease
    is_done = models.BooleanField(default=False)  # the session is over: nobody rings for it any more

    class Meta:
        verbose_name = _("symbol group")
        verbose_name_plural = _("symbol groups")
        indexes = [models.Index(fields=["is_done"], condition=models.Q(is_done=False), name="group_open")]

    def __str__(self) -> str:
        return f"group of session {self.session_id}"
