"""What is stopped, since when, by whom, and who let it go again?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from psycopg.types.json import Jsonb

from approvals.rules import halts as rules
from approvals.rules.scope import ID, KINDS, Scope
from crs.kernel.moments import EARLIEST, LATEST

if TYPE_CHECKING:
    from datetime import datetime

    from crs.kernel.actor import Actor

SCOPE_TYPES = [(kind, kind) for kind in KINDS]
# An id that no Scope can hold would blind every copy of the halts.
ID_IS_READABLE = Q(scope_id__regex=rf"^({ID.pattern})?$")
GLOBAL_HAS_NO_ID = Q(scope_type="GLOBAL", scope_id="") | (~Q(scope_type="GLOBAL") & ~Q(scope_id=""))


class HaltState(models.TextChoices):
    """Whether a kill switch is engaged."""

    SAFE = "SAFE", _("Safe")
    ENGAGED = "ENGAGED", _("Stopped")


class Positions(models.TextChoices):
    """What a halt does with open positions."""

    KEEP = "KEEP", _("Keep positions")
    CLOSE = "CLOSE", _("Close positions")


class HaltAction(models.TextChoices):
    """What happened to a kill switch."""

    ENGAGE = "ENGAGE", _("Stopped")  # also a further reason for a scope that stands still, and KEEP raised to CLOSE
    REQUEST = "REQUEST", _("Release asked for")
    RELEASE = "RELEASE", _("Released")
    DENIED = "DENIED", _("Denied")
    RECEIPT = "RECEIPT", _("Receipt")  # what each gateway answered


class ModeName(models.TextChoices):
    """What new risk a scope takes."""

    NORMAL = "NORMAL", _("Normal")
    REDUCE_ONLY = "REDUCE_ONLY", _("Reduce only")
    FORCE_CLOSE = "FORCE_CLOSE", _("Close all")


class HaltEpoch(models.Model):
    """The one counter of halts of this installation: one row, and it only grows (H-1).

    Every engage and every release takes the next number under this row's lock, so halts are in one order for everybody.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="haltepoch_one_row")]


class KillSwitch(models.Model):
    """A scope that was stopped once: engaged now, or safe again.

    Written by the SQL functions `approvals.engage`, `approvals.confirm_release` and `approvals.release_on_machine`
    alone; crs_app may only read (H-2). A change of state takes a new epoch, and what is engaged stays engaged until it
    is released (H-3). Two spellings of a scope are one row.
    """

    scope_type = models.CharField(_("scope"), max_length=8, choices=SCOPE_TYPES)
    scope_id = models.CharField(_("of"), max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=HaltState)
    positions = models.CharField(_("positions"), max_length=8, choices=Positions)
    epoch = models.BigIntegerField(_("epoch"), unique=True)
    reason = models.TextField(_("reason"))
    metadata = models.JSONField(default=dict)
    engaged_at = models.DateTimeField(_("stopped"))
    engaged_by = models.CharField(_("stopped by"), max_length=160)
    released_at = models.DateTimeField(_("released"), null=True, blank=True)
    released_by = models.CharField(_("released by"), max_length=320, blank=True)

    class Meta:
        verbose_name = _("kill switch")
        verbose_name_plural = _("kill switches")
        constraints = [
            models.UniqueConstraint(F("scope_type"), Lower("scope_id"), name="killswitch_scope_once"),
            models.CheckConstraint(condition=GLOBAL_HAS_NO_ID, name="killswitch_global_has_no_id"),
            models.CheckConstraint(condition=ID_IS_READABLE, name="killswitch_id_is_readable"),
            models.CheckConstraint(condition=Q(scope_type__in=KINDS), name="killswitch_scope_known"),
            models.CheckConstraint(condition=Q(state__in=HaltState.values), name="killswitch_state_known"),
            models.CheckConstraint(condition=Q(positions__in=Positions.values), name="killswitch_positions_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="killswitch_has_a_reason"),
            models.CheckConstraint(
                condition=Q(state="ENGAGED", released_at=None) | Q(state="SAFE", released_at__isnull=False),
                name="killswitch_released_is_safe",
            ),
        ]

    def __str__(self) -> str:
        return str(self.scope)

    @property
    def scope(self) -> Scope:
        """What it covers."""
        return Scope(self.scope_type, self.scope_id)  # type: ignore[arg-type]  # the constraint knows the kinds

    def as_halt(self) -> rules.Halt:
        """Return the facts that rules ask."""
        return rules.Halt(
            id=self.id,
            scope=self.scope,
            positions=self.positions,  # type: ignore[arg-type]  # the constraint knows the two
            epoch=self.epoch,
            reason=self.reason,
            engaged_at=self.engaged_at,
            engaged_by=self.engaged_by,
        )


class KillSwitchEvent(models.Model):
    """One thing that happened to a kill switch; written by the SQL functions alone, never changed (H-4).

    Every function that engages, asks or releases writes one: the moment that they are told is judged here.
    """

    at = models.DateTimeField(_("time"))
    scope_type = models.CharField(_("scope"), max_length=8, choices=SCOPE_TYPES)
    scope_id = models.CharField(_("of"), max_length=64, blank=True)
    epoch = models.BigIntegerField(_("epoch"))
    action = models.CharField(_("action"), max_length=8, choices=HaltAction)
    positions = models.CharField(_("positions"), max_length=8, choices=Positions, blank=True)
    actor = models.CharField(_("actor"), max_length=160)
    reason = models.TextField(_("reason"), blank=True)
    metadata = models.JSONField(default=dict)
    receipt = models.JSONField(null=True)

    class Meta:
        verbose_name = _("halt event")
        verbose_name_plural = _("halt events")
        indexes = [models.Index(fields=["scope_type", "scope_id", "-id"], name="killswitchevent_scope")]
        constraints = [
            models.CheckConstraint(condition=Q(action__in=HaltAction.values), name="killswitchevent_action_known"),
            models.CheckConstraint(
                condition=Q(at__gte=EARLIEST, at__lt=LATEST), name="killswitchevent_moment_is_plausible"
            ),
            models.CheckConstraint(
                condition=Q(action="RECEIPT", receipt__isnull=False) | (~Q(action="RECEIPT") & Q(receipt=None)),
                name="killswitchevent_receipt_is_one",
            ),
        ]


class ReleaseState(models.TextChoices):
    """Where a request to release stands."""

    OPEN = "OPEN", _("Waits for a second person")
    CONFIRMED = "CONFIRMED", _("Released")
    VOID = "VOID", _("Void")  # the scope was stopped again, or otherwise released, in between


class HaltRelease(models.Model):
    """One person's request to let a scope trade again; another person confirms it (H-5).

    Written by the SQL functions alone. It is bound to the epoch of the halt that its maker saw: a further reason
    to stop makes it void.
    """

    kill_switch = models.ForeignKey(KillSwitch, on_delete=models.PROTECT, related_name="releases")
    epoch = models.BigIntegerField(_("epoch"))
    cause = models.TextField(_("cause"))
    remedy = models.TextField(_("remedy"))
    state = models.CharField(_("state"), max_length=10, choices=ReleaseState)
    requested_at = models.DateTimeField(_("asked"))
    requested_by = models.CharField(_("asked by"), max_length=160)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    confirmed_by = models.CharField(_("confirmed by"), max_length=160, blank=True)

    class Meta:
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        constraints = [
            models.UniqueConstraint(fields=["kill_switch"], condition=Q(state="OPEN"), name="haltrelease_one_open"),
            models.CheckConstraint(condition=~Q(cause="") & ~Q(remedy=""), name="haltrelease_says_why"),
            models.CheckConstraint(
                condition=(Q(state="CONFIRMED") & ~Q(confirmed_by="") & ~Q(confirmed_by=F("requested_by")))
                | (~Q(state="CONFIRMED") & Q(confirmed_by="")),
                name="haltrelease_two_people",
            ),
        ]


class Mode(models.Model):
    """How a scope may trade: NORMAL, REDUCE_ONLY, or FORCE_CLOSE until it is flat.

    Set by `operations.modes`; asked by the gate, and carried out by execution. One row per scope.
    """

    scope_type = models.CharField(_("scope"), max_length=8, choices=SCOPE_TYPES)
    scope_id = models.CharField(_("of"), max_length=64, blank=True)
    mode = models.CharField(_("mode"), max_length=12, choices=ModeName)
    reason = models.TextField(_("reason"))
    since = models.DateTimeField(_("since"))
    set_by = models.CharField(_("set by"), max_length=160)

    class Meta:
        verbose_name = _("mode")
        verbose_name_plural = _("modes")
        constraints = [
            models.UniqueConstraint(F("scope_type"), Lower("scope_id"), name="mode_scope_once"),
            models.CheckConstraint(condition=GLOBAL_HAS_NO_ID, name="mode_global_has_no_id"),
            models.CheckConstraint(condition=ID_IS_READABLE, name="mode_id_is_readable"),
            models.CheckConstraint(condition=Q(scope_type__in=KINDS), name="mode_scope_known"),
            models.CheckConstraint(condition=Q(mode__in=ModeName.values), name="mode_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="mode_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.mode}"

    @property
    def scope(self) -> Scope:
        """What it covers."""
        return Scope(self.scope_type, self.scope_id)  # type: ignore[arg-type]  # the constraint knows the kinds


# ── The functions that write: nothing else can ────────────────────────────────────────────────────────────────────────
class FunctionRefused(Exception):
    """One of the functions below said no; `state` is its SQLSTATE (migrations/sql/engage.sql, release.sql)."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state = state


def engage(
    *, scope: Scope, positions: str, reason: str, metadata: dict[str, Any], actor: Actor, at: datetime
) -> tuple[int, int, bool]:
    """Engage a scope through `approvals.engage` and return (row, epoch, is new)."""
    row = _call(
        "SELECT id, epoch, is_new FROM approvals.engage(%s, %s, %s, %s, %s, %s, %s)",
        [scope.kind, scope.id, positions, reason, Jsonb(metadata), str(actor), at],
    )
    return row[0], row[1], row[2]


def request_release(*, scope: Scope, cause: str, remedy: str, actor: Actor, at: datetime) -> int:
    """Ask to release a scope through `approvals.request_release` and return the request's id."""
    return int(
        _call(
            "SELECT approvals.request_release(%s, %s, %s, %s, %s, %s)",
            [scope.kind, scope.id, cause, remedy, str(actor), at],
        )[0]
    )


def confirm_release(*, release_id: int, actor: Actor, at: datetime) -> int:
    """Confirm a request through `approvals.confirm_release` and return the new epoch."""
    return int(_call("SELECT approvals.confirm_release(%s, %s, %s)", [release_id, str(actor), at])[0])


def release_on_machine(*, scope: Scope, reason: str, actor: Actor, at: datetime) -> int:
    """Release a scope through `approvals.release_on_machine` and return the new epoch."""
    arguments = [scope.kind, scope.id, reason, str(actor), at]
    return int(_call("SELECT approvals.release_on_machine(%s, %s, %s, %s, %s)", arguments)[0])


def note(
    *, scope: Scope, action: HaltAction, actor: Actor, reason: str, receipt: object, epoch: int | None, at: datetime
) -> None:
    """Append a DENIED or RECEIPT event through `approvals.note_halt`."""
    document = None if receipt is None else Jsonb(receipt)
    arguments = [scope.kind, scope.id, str(action), str(actor), reason, document, epoch, at]
    _call("SELECT approvals.note_halt(%s, %s, %s, %s, %s, %s, %s, %s)", arguments)


def _call(statement: str, arguments: list[Any]) -> tuple[Any, ...]:
    try:
        # A savepoint only where there is a transaction already: one statement is its own otherwise.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            row: tuple[Any, ...] | None = cursor.fetchone()
    except DatabaseError as error:
        state = str(getattr(error.__cause__, "sqlstate", ""))
        if not state.startswith("CR"):
            raise
        raise FunctionRefused(state, str(error).splitlines()[0]) from error
    assert row is not None
    return row
