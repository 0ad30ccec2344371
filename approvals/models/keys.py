"""Which programs may call, and what were they answered?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from approvals.models.desks import Desk
from approvals.rules.keys import SCOPES
from crs.kernel.fields import HashField

if TYPE_CHECKING:
    from datetime import datetime

LAST_USED_S = 60  # a busy key writes its row once a minute, not at every request

TOUCH = """
    UPDATE approvals_apikey SET last_used_at = %(at)s WHERE id = (
        SELECT id FROM approvals_apikey
        WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < %(at)s - make_interval(secs => %(every)s))
        FOR UPDATE SKIP LOCKED)
"""


class KeyKind(models.TextChoices):
    """How a key proves itself."""

    ED25519 = "ed25519", _("Ed25519 signature")
    HMAC = "hmac", _("HMAC-SHA256 signature")
    BEARER = "bearer", _("Bearer token")


class ApiKey(models.Model):
    """A program that may call: what proves it, what it may do, from where and until when.

    Made and revoked by `operations.keys`, never deleted. Nothing here opens anything (R-1): an Ed25519 row holds the
    public key, a bearer row the SHA-256 of its token, an HMAC row its secret under AES-GCM with a key outside the
    database. `desk` narrows a key to one desk; null is every desk.
    """

    key_id = models.CharField(_("key"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=8, choices=KeyKind)
    public_key = models.BinaryField(null=True, editable=False)
    token_hash = models.BinaryField(null=True, editable=False)
    sealed_secret = models.BinaryField(null=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32), verbose_name=_("scopes"))
    desk = models.ForeignKey(Desk, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    addresses = ArrayField(models.CharField(max_length=64), default=list, blank=True, verbose_name=_("from addresses"))
    created_at = models.DateTimeField(_("made"))
    created_by = models.CharField(_("made by"), max_length=160)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("key")
        verbose_name_plural = _("keys")
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(kind="ed25519", public_key__isnull=False, token_hash=None, sealed_secret=None)
                    | Q(kind="bearer", token_hash__isnull=False, public_key=None, sealed_secret=None)
                    | Q(kind="hmac", sealed_secret__isnull=False, public_key=None, token_hash=None)
                ),
                name="apikey_proof_of_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=list(SCOPES), scopes__len__gt=0), name="apikey_scopes_known"
            ),
            models.CheckConstraint(
                condition=~Q(kind="bearer", scopes__overlap=["kill:engage", "approvals:vote"]),
                name="apikey_bearer_is_weak",
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("created_at")), name="apikey_expires_after_made"
            ),
        ]

    def __str__(self) -> str:
        return self.key_id

    def is_live(self, at: datetime) -> bool:
        """Return whether the key is neither revoked nor expired at `at`."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def touch(self, at: datetime) -> None:
        """Remember that the key was used, at most once a minute, without ever waiting for another request's lock."""
        if self.last_used_at is None or (at - self.last_used_at).total_seconds() > LAST_USED_S:
            with connection.cursor() as cursor:
                cursor.execute(TOUCH, {"id": self.id, "at": at, "every": LAST_USED_S})


class AnswerState(models.TextChoices):
    """Whether the request is being carried out or has its answer."""

    RUNNING = "RUNNING", _("Running")
    ANSWERED = "ANSWERED", _("Answered")


class IdempotentAnswer(models.Model):
    """What a caller's Idempotency-Key was answered; kept 30 days, since bots ask again days later.

    Claimed before the request is carried out and answered after it (`operations.idempotency`); a claim whose process
    died is taken over after a minute under the next `fence`. Only answers that changed something are kept: a refusal
    changed nothing and may be asked again. One row per caller and key (R-3).
    """

    principal = models.CharField(max_length=160)
    key = models.CharField(max_length=200)
    request_hash = HashField()
    state = models.CharField(max_length=8, choices=AnswerState, default=AnswerState.RUNNING)
    fence = models.BigIntegerField(default=1)
    locked_at = models.DateTimeField()
    status = models.IntegerField(null=True)
    headers = models.JSONField(default=dict)
    content = models.BinaryField(null=True)

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        constraints = [
            models.UniqueConstraint(fields=["principal", "key"], name="idempotentanswer_once"),
            models.CheckConstraint(
                condition=Q(state="RUNNING", status=None, content=None)
                | Q(state="ANSWERED", status__isnull=False, content__isnull=False),
                name="idempotentanswer_state_has_answer",
            ),
        ]
        indexes = [models.Index(fields=["locked_at"], name="idempotentanswer_age")]
