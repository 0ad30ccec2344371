"""What does the demo desk consist of? A desk, four people who sign in on loopback only, and a session without end."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

from approvals.models import Desk, VenueKind
from approvals.operations import audit, desks
from crs.kernel.actor import Actor
from strategies import queries
from strategies.operations import sessions
from strategies.rules import configuration

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from strategies.models import Session

DESK: Final = "DEMO"
# The cast of every story: Alice proposes, Bob approves, Vera only looks, Adam keeps people and timetable.
PEOPLE: Final = {
    "alice": ("operator",),
    "bob": ("risk",),
    "vera": ("viewer",),
    "adam": ("administrator", "security"),
}
PASSWORD_BYTES: Final = 15
# An hour of the venue in a minute: slow enough to watch, with bars of five minutes so that something happens soon.
SESSION: Final = {"session": {"duration_seconds": 0, "speed": 60}, "signal": {"bar_seconds": 300}}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in: the roles, and the file (0600) that holds the password."""

    name: str
    roles: tuple[str, ...]
    password_file: Path


def open_desk(*, actor: Actor, at: datetime) -> Desk:
    """Open the demo desk and its venue; what exists stays."""
    desk = Desk.objects.filter(code=DESK).first()
    if desk is None:
        desk = desks.open_desk(code=DESK, name="Demo desk", actor=actor, at=at)
    desks.open_venue(code=sessions.GATEWAY, name="Paper gateway", kind=VenueKind.PAPER, actor=actor, at=at)
    return desk


def make_people(folder: Path, *, actor: Actor, at: datetime) -> list[Person]:
    """Make the demo people with random passwords in files of `folder`; a person whose file is there stays as he is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    people = [Person(name, roles, folder / f"{name}.password") for name, roles in PEOPLE.items()]
    for person in people:
        _make(person, actor=actor, at=at)
    return people


@transaction.atomic
def _make(person: Person, *, actor: Actor, at: datetime) -> None:
    # Staff may open the pages, and no more: what somebody may do hangs on the roles alone.
    user, is_new = get_user_model().objects.get_or_create(username=person.name, defaults={"is_staff": True})
    if not is_new and person.password_file.exists():
        return
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    user.set_password(password)
    user.save(update_fields=["password"])
    user.groups.set([Group.objects.get(name=role) for role in person.roles])
    audit.record(
        action="strategies.demo.person_made",
        actor=actor,
        subject_kind="auth.user",
        subject_id=person.name,
        at=at,
        after={"roles": list(person.roles)},
    )
    _write_secret(person.password_file, password)


def start_session(*, at: datetime) -> tuple[Session, bool]:
    """Return the demo session that runs, starting one if none does, and whether it is new. Raises `SessionsFull`."""
    running = queries.open_sessions().filter(is_demo=True).first()
    if running is not None:
        return running, False
    plan = configuration.plan(SESSION, configuration.read(sessions.default_configuration()))
    return sessions.start(plan=plan, actor=Actor("person", "alice"), at=at, is_demo=True), True


def _write_secret(path: Path, content: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
