"""Does every command say in one line what is wrong with how it was called, and exit with 2?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from crs.stack.addresses import NAMES, ROOT
from crs.stack.sound import KEY_LINE, STAND_INS
from guardian.gateway.protocol import read_keys

if TYPE_CHECKING:
    from pathlib import Path

# Known, and never reached: whatever is refused here is refused before anybody is asked.
REACHABLE = {**STAND_INS, "CRS_ENV": "demo"}
# setting → what is wrong with it
WRONG = {
    "CRS_ENV=prod": "CRS_ENV is 'prod': demo, staging or production",
    "CRS_ENV=": "CRS_ENV is empty",
    "CRS_STATE_DIR=": "CRS_STATE_DIR is empty",
    "CRS_HOSTS=": "CRS_HOSTS is empty",
    "CRS_HOSTS=a,,b": "CRS_HOSTS is 'a,,b': words between commas",
    "CRS_PROXIES=-1": "CRS_PROXIES is '-1': a whole number from 0 to 100",
    "CRS_PROXIES=٣": "CRS_PROXIES is '٣': a whole number from 0 to 100",
    "CRS_SIGNATURE_WINDOW_MS=0": "CRS_SIGNATURE_WINDOW_MS is '0': a whole number from 1000 to 60000",
    "CRS_SESSIONS_MAX=0": "CRS_SESSIONS_MAX is '0': a whole number from 1 to 100",
    "CRS_SESSIONS_MAX=": "CRS_SESSIONS_MAX is empty",
    "SECRET_KEY=": "SECRET_KEY is empty",
    "SECRET_KEY_FILE=/nope": "SECRET_KEY_FILE: /nope cannot be read",
    "KEY_SEAL_FILE=": "KEY_SEAL_FILE is empty",
    "GATEWAY_ID=": "GATEWAY_ID is empty",
    "GATEWAY_ID=A B": "GATEWAY_ID is 'A B': up to 64 letters",
    "GATEWAY_COMMAND_URL=nonsense": "GATEWAY_COMMAND_URL is no address: tcp://HOST:PORT",
    "GATEWAY_TICKS_URL=tcp://127.0.0.1": "GATEWAY_TICKS_URL is no address: tcp://HOST:PORT",
    "DATABASE_URL=nonsense": "DATABASE_URL is no address: postgresql://",
    "DATABASE_URL=": "DATABASE_URL is empty",
    "OWNER_DATABASE_URL=postgresql://a@b:c/d": "OWNER_DATABASE_URL is no address: postgresql://",
    "REDIS_URL=localhost": "REDIS_URL is no address: redis://",
}


def manage(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if name not in NAMES}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**own, **REACHABLE, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def must_refuse(said: subprocess.CompletedProcess[str], code: str, detail: str) -> None:
    assert (said.returncode, len(said.stderr.splitlines())) == (2, 1), said.stderr
    assert detail in said.stderr
    told = json.loads(said.stdout.splitlines()[-1])
    assert (told["ok"], told["code"]) == (False, code)
    assert detail in told["detail"]


@pytest.mark.parametrize("setting", WRONG)
def test_a_wrong_setting_is_one_line_and_one_object(setting: str) -> None:
    name, _, value = setting.partition("=")
    must_refuse(manage("reconcile", "--json", **{name: value}), "CONFIGURATION_WRONG", WRONG[setting])


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        (["nope"], "no command 'nope'"),
        (["kill"], "arguments are required: action"),
        (["kill", "nope"], "invalid choice: 'nope'"),
        (["kill", "engage", "--scope", "GLOBAL"], "arguments are required: --reason"),
        (["session", "--duration"], "argument --duration: expected one argument"),
        (["reconcile", "extra"], "unrecognized arguments: extra"),
        (["ledger_verify", "--nope"], "unrecognized arguments: --nope"),
        (["doctor", "--nope"], "unrecognized arguments: --nope"),
        (["up", "--port", "٨٠٠٠"], "is no port"),
        (["down", "extra"], "unrecognized arguments: extra"),
    ],
)
def test_bad_usage_is_one_line_and_one_object(arguments: list[str], detail: str) -> None:
    must_refuse(manage(*arguments, "--json"), "USAGE", detail)


def test_a_command_without_a_stack_says_so_in_one_object(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    said = subprocess.run(
        [sys.executable, "manage.py", "kill", "status", "--json"],
        cwd=ROOT,
        env={**environment, "CRS_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    must_refuse(said, "NO_STACK", "no stack runs in")


# ── Before anything is started ────────────────────────────────────────────────────────────────────────────────────────
BEFORE_START = {
    "CRS_ENV=prod": "CRS_ENV is 'prod'",
    "CRS_SIGNATURE_WINDOW_MS=0": "CRS_SIGNATURE_WINDOW_MS is '0'",
    "GATEWAY_KEY_FILE=/nope": "GATEWAY_KEY_FILE: /nope cannot be read",
    "GATEWAY_ID=OTHER": "GATEWAY_ID is 'OTHER': the embedded gateway is PAPER",
    "REDIS_URL=": "REDIS_URL is empty",
    "CRS_SESSIONS_MAX=abc": "CRS_SESSIONS_MAX is 'abc'",
}


def started(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if name not in (*NAMES, "GATEWAY_KEY_FILE")}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**own, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("setting", BEFORE_START)
@pytest.mark.parametrize("command", [["up", "--no-demo"], ["session", "--symbols", "BTCUSD.s"]])
def test_nothing_is_started_with_a_wrong_setting(command: list[str], setting: str, tmp_path: Path) -> None:
    name, _, value = setting.partition("=")
    said = started(*command, "--json", CRS_STATE_DIR=str(tmp_path / "state"), **{name: value})
    must_refuse(said, "CONFIGURATION_WRONG", BEFORE_START[setting])
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("setting", BEFORE_START)
def test_the_doctor_finds_what_no_process_could_start_with(setting: str, tmp_path: Path) -> None:
    name, _, value = setting.partition("=")
    said = started("doctor", "--json", CRS_STATE_DIR=str(tmp_path / "state"), **{name: value})
    assert said.returncode == 2
    assert BEFORE_START[setting] in said.stdout
    assert json.loads(said.stdout.splitlines()[-1])["ok"] is False


@pytest.mark.parametrize(
    "line",
    [f"k1:{'ab' * 16}", f"k1:{'ab' * 15}", f"k1:{'AB' * 16}", f"k 1:{'ab' * 16}", f":{'ab' * 16}", "k1:", "", "k1"],
)
def test_what_is_a_key_of_the_gateway_is_said_alike_by_the_stack_and_by_the_wire(line: str, tmp_path: Path) -> None:
    """The stack may not import the wire's protocol: the form stands in both."""
    (tmp_path / "key").write_text(line)
    try:
        read_keys(tmp_path / "key")
        is_key = True
    except ValueError:
        is_key = False
    assert bool(KEY_LINE.fullmatch(line)) is is_key


def test_the_doctor_is_content_with_sound_settings(tmp_path: Path) -> None:
    said = started("doctor", "--json", CRS_STATE_DIR=str(tmp_path / "state"))
    settings = [row for row in json.loads(said.stdout.splitlines()[-1])["checks"] if row["name"] == "settings"]
    assert settings == [{"name": "settings", "ok": True, "hint": ""}]
