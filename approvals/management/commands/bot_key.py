"""Who makes a program's key, at the machine? `manage.py bot_key create | list | revoke`."""

from __future__ import annotations

import getpass
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings

from approvals import queries
from approvals.operations import keys
from approvals.rules.keys import KINDS, LABELS, SCOPES, KeyMalformed
from crs.kernel import clock
from crs.kernel.actor import machine
from crs.kernel.commands import JsonCommand, Outcome, add_json

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from approvals.models import ApiKey
    from crs.kernel.actor import Actor

DAYS_MAX = 36_500


class Command(JsonCommand):
    help = "Make, list and revoke the keys of programs. A secret is shown once, when its key is made."

    def add_options(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key and show its secret once")
        create.add_argument("--name", required=True, help="what or whose it is")
        create.add_argument("--scopes", required=True, help=f"comma-separated: {', '.join(SCOPES)}")
        create.add_argument("--kind", choices=KINDS, default="ed25519", help="how it proves itself")
        create.add_argument("--desk", default="", help="narrow it to one desk")
        create.add_argument("--addresses", default="", help="networks it may come from, comma-separated")
        create.add_argument("--days", help="days until it expires; without, it lives until it is revoked")
        listing = actions.add_parser("list", help="show every key, never a secret")
        revoke = actions.add_parser("revoke", help="end a key for good")
        revoke.add_argument("key_id")
        revoke.add_argument("--reason", default="revoked by command")
        for action in (create, listing, revoke):
            add_json(action)

    def run(self, options: dict[str, Any]) -> Outcome:
        return {"create": self._create, "list": self._list, "revoke": self._revoke}[options["action"]](options)

    def _create(self, options: dict[str, Any]) -> Outcome:
        at = clock.now()
        made = keys.create(
            name=options["name"],
            kind=options["kind"],
            scopes=_words(options["scopes"]),
            desk=queries.desk(options["desk"]) if options["desk"] else None,
            addresses=_words(options["addresses"]),
            expires_at=at + _days(options["days"]) if options["days"] is not None else None,
            label=LABELS[settings.CRS_ENV],
            actor=_who(),
            at=at,
        )
        ((what, secret),) = made.shown_once.items()
        lines = [
            f"key          {made.key.key_id}",
            f"scopes       {', '.join(made.key.scopes)}",
            f"{what:<12} {secret}",
            "This is the only time the secret is shown. docs/api.md shows how to sign with it.",
        ]
        return Outcome({**_facts(made.key), **made.shown_once}, [] if options["json"] else lines)

    def _list(self, options: dict[str, Any]) -> Outcome:
        rows = list(queries.keys())
        lines = [
            f"{key.key_id}  {'revoked' if key.revoked_at else key.kind:<8} {key.name}: {', '.join(key.scopes)}"
            for key in rows
        ]
        return Outcome({"keys": [_facts(key) for key in rows]}, [] if options["json"] else lines or ["no key yet"])

    def _revoke(self, options: dict[str, Any]) -> Outcome:
        keys.revoke(key_id=options["key_id"], reason=options["reason"], actor=_who(), at=clock.now())
        facts = {"key_id": options["key_id"], "revoked": True}
        return Outcome(facts, [] if options["json"] else [f"{options['key_id']} is revoked"])


def _who() -> Actor:
    """Whoever can run this holds the files of the installation; his login answers for what the key does (X-6)."""
    return machine(f"bot_key:{getpass.getuser()}")


def _days(text: str) -> timedelta:
    """Return how long a key lives, at most a century. Raises `KeyMalformed`."""
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= DAYS_MAX:
        raise KeyMalformed(f"--days {text[:40]!r} is no whole number from 1 to {DAYS_MAX}")
    return timedelta(days=int(text))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _facts(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "kind": key.kind,
        "scopes": key.scopes,
        "desk": key.desk.code if key.desk else None,
        "addresses": key.addresses,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
