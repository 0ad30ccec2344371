"""Does the command make keys that work, show a secret once, and say no in one line?"""

from __future__ import annotations

import getpass
import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from approvals import queries
from approvals.models import ApiKey
from crs.kernel.actor import Actor
from tests.support.api import KeyClient
from tests.support.factories import make_desk

pytestmark = pytest.mark.django_db


def bot_key(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("bot_key", *arguments, "--json", stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return told


@pytest.fixture(autouse=True)
def seal_file(tmp_path: Any, settings: Any) -> None:
    settings.KEY_SEAL_FILE = tmp_path / "key_seal.key"


@pytest.mark.parametrize(("kind", "shown"), [("ed25519", "private_key"), ("hmac", "secret"), ("bearer", "token")])
def test_a_key_made_by_the_command_opens_the_api(kind: str, shown: str) -> None:
    told = bot_key("create", "--name", "bot", "--scopes", "ledger:read,evidence:read", "--kind", kind)
    assert told["scopes"] == ["evidence:read", "ledger:read"]
    key = ApiKey.objects.get(key_id=told["key_id"])
    assert KeyClient(key, {shown: told[shown]}).get("/api/v1/kill-switch").status_code == 200
    assert told[shown] not in json.dumps(bot_key("list"))


def test_an_ed25519_key_is_the_default_and_belongs_to_its_desk() -> None:
    make_desk(code="DEMO")
    told = bot_key("create", "--name", "bot", "--scopes", "order:propose", "--desk", "DEMO", "--days", "30")
    assert (told["kind"], told["desk"]) == ("ed25519", "DEMO")
    assert len(told["private_key"]) == 44
    assert ApiKey.objects.get().expires_at is not None


def test_whoever_makes_a_key_at_the_machine_answers_for_it() -> None:
    """X-6: an order has a person, and the command is none."""
    told = bot_key("create", "--name", "bot", "--scopes", "order:propose")
    assert queries.responsible_of(Actor("key", told["key_id"])) == getpass.getuser()


def test_a_revoked_key_is_listed_as_such() -> None:
    made = bot_key("create", "--name", "bot", "--scopes", "ledger:read")
    assert bot_key("revoke", made["key_id"])["revoked"] is True
    assert bot_key("list")["keys"][0]["revoked_at"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["create", "--name", "bot", "--scopes", "ledger:all"], "KEY_MALFORMED"),
        (["create", "--name", "bot", "--scopes", "kill:engage", "--kind", "bearer"], "KEY_MALFORMED"),
        (["create", "--name", "bot", "--scopes", "ledger:read", "--desk", "NONE"], "UNKNOWN_DESK"),
        (["create", "--name", "bot", "--scopes", "ledger:read", "--days", "0"], "KEY_MALFORMED"),
        (["create", "--name", "bot", "--scopes", "ledger:read", "--days", "-1"], "KEY_MALFORMED"),
        (["create", "--name", "bot", "--scopes", "ledger:read", "--days", "99999999999"], "KEY_MALFORMED"),
        (["create", "--name", "bot", "--scopes", "ledger:read", "--days", "٣"], "KEY_MALFORMED"),
        (["revoke", "k0000000000000000"], "KEY_UNKNOWN"),
    ],
)
def test_a_refusal_is_one_line_with_its_code_and_exit_2(arguments: list[str], code: str) -> None:
    out = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("bot_key", *arguments, "--json", stdout=out)
    assert refused.value.returncode == 2
    assert str(refused.value).startswith(f"{code}: ")
    assert json.loads(out.getvalue())["code"] == code
    assert not ApiKey.objects.exists()
