"""What was this key answered? Each caller's Idempotency-Key is carried out once.

Posting a journal does not need this: its own key is unique for ever. This is for the endpoints that have no such key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import connection

from approvals.models import AnswerState, IdempotentAnswer
from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from datetime import datetime

KEPT_FOR = timedelta(days=30)  # bots ask again days later
# Longer than any request may run (gunicorn ends one after 30 s): whoever holds a claim this old is dead.
CLAIM_S = 60

# One statement: of two that come at once, the later one waits for the first one's insert and finds it there.
CLAIM = """
    INSERT INTO approvals_idempotentanswer (principal, key, request_hash, state, fence, locked_at, headers)
    VALUES (%(principal)s, %(key)s, %(request_hash)s, 'RUNNING', 1, clock_timestamp(), '{}')
    ON CONFLICT (principal, key) DO UPDATE
        SET fence = approvals_idempotentanswer.fence + 1, locked_at = clock_timestamp()
        WHERE approvals_idempotentanswer.state = 'RUNNING'
          AND approvals_idempotentanswer.request_hash = EXCLUDED.request_hash
          AND approvals_idempotentanswer.locked_at < clock_timestamp() - make_interval(secs => %(claim_s)s)
    RETURNING id, fence
"""


class IdempotencyKeyReused(Refusal):
    """The key came before with another request."""

    code: ClassVar[str] = "KEY_REUSED"
    title: ClassVar[str] = "The key came before with other content"


class StillRunning(Refusal):
    """The same request is being carried out right now."""

    code: ClassVar[str] = "STILL_RUNNING"
    title: ClassVar[str] = "The same request is still being carried out"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry a request out; void once another process took it over."""

    id: int
    fence: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered, byte for byte."""

    status: int
    headers: dict[str, str]
    content: bytes


def claim(*, principal: str, key: str, request_hash: bytes) -> Claim | Answer:
    """Return a claim to carry the request out, or the answer it got before.

    Raises `IdempotencyKeyReused` for another request under this key, `StillRunning` while somebody carries it out.
    """
    for _ in range(3):  # a claim that is given up between the two statements is simply claimed again
        arguments: dict[str, str | bytes | int] = {
            "principal": principal,
            "key": key,
            "request_hash": request_hash,
            "claim_s": CLAIM_S,
        }
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, arguments)
            row: tuple[Any, ...] | None = cursor.fetchone()
        if row is not None:
            return Claim(row[0], row[1])
        kept = IdempotentAnswer.objects.filter(principal=principal, key=key).first()
        if kept is None:
            continue
        if kept.request_hash != request_hash:
            raise IdempotencyKeyReused
        if kept.state == AnswerState.ANSWERED:
            assert kept.status is not None
            assert kept.content is not None
            return Answer(kept.status, dict(kept.headers), bytes(kept.content))
        break
    raise StillRunning(retry_after_s=1)


def keep(claim: Claim, answer: Answer) -> bool:
    """Keep what the request was answered; False when somebody else has taken the claim over since."""
    return bool(
        IdempotentAnswer.objects.filter(id=claim.id, fence=claim.fence, state=AnswerState.RUNNING).update(
            state=AnswerState.ANSWERED, status=answer.status, headers=answer.headers, content=answer.content
        )
    )


def give_up(claim: Claim) -> None:
    """Let the key be used again: the request was refused and changed nothing."""
    IdempotentAnswer.objects.filter(id=claim.id, fence=claim.fence, state=AnswerState.RUNNING).delete()


def forget(*, at: datetime) -> int:
    """Drop answers older than 30 days and return how many."""
    return IdempotentAnswer.objects.filter(locked_at__lt=at - KEPT_FOR).delete()[0]
