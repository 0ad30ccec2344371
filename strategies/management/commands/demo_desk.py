"""Who makes the demo desk? `manage.py demo_desk`: desk, people, an endless session; again, it changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings

from crs.kernel import clock
from crs.kernel.actor import machine
from crs.kernel.commands import JsonCommand, Outcome
from strategies.operations import demo
from strategies.operations.sessions import SessionsFull

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

ACTOR = machine("demo_desk")


class Command(JsonCommand):
    help = "Open the demo desk, its people and its session; what exists stays."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--no-session", action="store_true", help="desk and people only")

    def run(self, options: dict[str, Any]) -> Outcome:
        at = clock.now()
        demo.open_desk(actor=ACTOR, at=at)
        people = demo.make_people(settings.CRS_STATE_DIR / "secrets", actor=ACTOR, at=at)
        users = [
            {"name": person.name, "role": person.roles[0], "roles": list(person.roles), "password_file": str(path)}
            for person in people
            if (path := person.password_file)
        ]
        lines = [f"{user['name']} ({', '.join(user['roles'])}): password in {user['password_file']}" for user in users]
        session_id = None
        if not options["no_session"]:
            try:
                session, is_new = demo.start_session(at=at)
                session_id = session.pk
                lines.append(f"session {session.pk} " + ("is new" if is_new else "goes on"))
            except SessionsFull as full:
                lines.append(f"no demo session: {full.detail}")
        return Outcome({"users": users, "session": session_id}, lines)
