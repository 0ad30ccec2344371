"""Do the parts of the stack keep their word without a stack?"""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from crs.stack import addresses, given, migrations, once, processes, valkey
from crs.stack.folder import Folder, Held, Unusable, any_free, is_free
from crs.stack.main import run
from crs.stack.services import SERVICES, STOP_ORDER
from crs.stack.site import Site
from crs.stack.supervisor import choose_web_port


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "a state")
    made.make()
    return made


def sleeper(**environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], env={**os.environ, **environment})


# ── The folder ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_secret_is_made_once_and_only_its_owner_reads_it(folder: Folder) -> None:
    first = folder.secret("postgres_crs_app")
    assert len(first) == 48
    assert folder.secret("postgres_crs_app") == first
    assert folder.secret("valkey") != first
    assert stat.S_IMODE(folder.secret_file("valkey").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o700


def test_a_written_file_is_whole_or_the_old_one(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_json("stack.json", {"a": 1})

    def full_disk(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        folder.write_json("stack.json", {"a": 2})
    assert folder.read_json("stack.json") == {"a": 1}


def test_a_torn_file_counts_as_missing(folder: Folder) -> None:
    (folder.path / "ports.json").write_text('{"postgres": 5')
    assert folder.read_json("ports.json") == {}


def test_a_port_is_remembered_while_it_is_free_and_never_shared(folder: Folder) -> None:
    first = folder.port("postgres")
    assert folder.port("postgres") == first
    assert folder.port("valkey") != first
    with socket.create_server(("127.0.0.1", first)):
        other = folder.port("postgres")
    assert other != first
    assert folder.port("postgres") == other


def test_one_supervisor_holds_a_folder(folder: Folder) -> None:
    with folder.held():
        with pytest.raises(Held) as held, folder.held():
            pass
        assert held.value.pid == os.getpid()
    with folder.held():
        pass


def test_a_wanted_port_that_is_taken_is_refused_and_an_unwanted_one_avoided(folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Unusable, match=f"port {port} on 127.0.0.1 is taken"):
            choose_web_port(Site(folder, port=port))
        folder.write_json("ports.json", {"web": port})
        site = Site(folder)
        choose_web_port(site)
        assert site.port != port
    assert is_free("127.0.0.1", port)


# ── Processes ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_process_is_signalled_only_while_it_is_the_one_we_know() -> None:
    child = sleeper()
    try:
        known = processes.identity(child.pid)
        assert known is not None
        for stranger in (replace(known, started=known.started - 1), replace(known, boot="another boot")):
            assert not processes.is_alive(stranger)
            assert not processes.send(stranger, signal.SIGKILL)
        assert child.poll() is None
        assert processes.send(known, signal.SIGTERM)
        assert child.wait(5) == -signal.SIGTERM
        assert not processes.send(known, signal.SIGTERM)
    finally:
        child.kill()
        child.wait()


def test_marked_processes_are_found_and_others_left_alone() -> None:
    ours, other = sleeper(**{processes.MARK: "abc"}), sleeper(**{processes.MARK: "abcd"})
    try:
        assert [process.pid for process in processes.marked("abc")] == [ours.pid]
        processes.end(processes.marked("abc"), signal.SIGTERM, grace_s=5)
        assert processes.identity(ours.pid) is None  # a zombie until it is waited for
        assert other.poll() is None
    finally:
        for child in (ours, other):
            child.kill()
            child.wait()


def test_who_ignores_the_polite_signal_is_killed() -> None:
    stubborn = subprocess.Popen(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], stdout=-1)
    assert stubborn.stdout is not None
    assert stubborn.stdout.readline() == b"ready\n"
    known = processes.identity(stubborn.pid)
    assert known is not None
    processes.end([known], signal.SIGTERM, grace_s=0.1)
    assert stubborn.wait(5) == -signal.SIGKILL
    stubborn.stdout.close()


def test_every_service_has_its_place_when_the_stack_stops() -> None:
    assert sorted(STOP_ORDER) == sorted(SERVICES)
    assert STOP_ORDER.index("worker") < STOP_ORDER.index("gateway") < STOP_ORDER.index("postgres")


def test_a_command_that_brings_its_stack_reads_paths_as_its_caller_means_them(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`session --data mine` is the caller's folder `mine`, though the command itself is the project's."""
    caller, project = tmp_path / "caller", tmp_path / "project"
    (caller / "mine").mkdir(parents=True)
    project.mkdir()
    (project / "command.py").write_text("import os, sys; sys.exit(not os.path.isdir(sys.argv[1]))")
    monkeypatch.setattr(once, "ROOT", project)
    monkeypatch.chdir(caller)
    assert once.start(Site(folder), ["command.py", "mine"]).wait(20) == 0


# ── Addresses and given servers ───────────────────────────────────────────────────────────────────────────────────────
def test_half_a_pair_of_given_addresses_is_refused(folder: Folder) -> None:
    with pytest.raises(Unusable, match="OWNER_DATABASE_URL is missing"):
        Site(folder).take_given({"DATABASE_URL": "postgresql://crs_app@db/crs"})
    with pytest.raises(Unusable, match="GATEWAY_TICKS_URL is missing"):
        Site(folder).take_given({"GATEWAY_COMMAND_URL": "tcp://127.0.0.1:5555"})


def test_a_file_of_settings_fills_what_the_environment_leaves_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("# a comment\nCRS_TEST_ONE=from the file\nCRS_TEST_TWO=also\n\nnonsense\n")
    monkeypatch.setattr(addresses, "ROOT", tmp_path)
    monkeypatch.setenv("CRS_TEST_ONE", "from the environment")
    monkeypatch.delenv("CRS_TEST_TWO", raising=False)
    addresses.read_dotenv()
    assert os.environ["CRS_TEST_ONE"] == "from the environment"
    assert os.environ.pop("CRS_TEST_TWO") == "also"


def test_an_operators_own_key_wins_over_the_one_in_the_folder(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings read a file before a value: handing ours on beside an operator's SECRET_KEY would silence it."""
    for name in ("SECRET_KEY", "SECRET_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    site = Site(folder, addresses={"DATABASE_URL": "", "REDIS_URL": ""})
    assert Path(site.python_environment("web")["SECRET_KEY_FILE"]).is_relative_to(folder.path)
    monkeypatch.setenv("SECRET_KEY", "an operator's")
    assert "SECRET_KEY_FILE" not in site.python_environment("web")
    monkeypatch.setenv("SECRET_KEY_FILE", "/etc/crs/secret_key")
    assert site.python_environment("web")["SECRET_KEY_FILE"] == "/etc/crs/secret_key"


def test_the_owner_is_no_application_role(folder: Folder) -> None:
    """The owner of the tests' database may do everything there: as DATABASE_URL he is refused, with the reason."""
    site = Site(folder)
    owner = os.environ["OWNER_DATABASE_URL"]
    site.take_given({"DATABASE_URL": owner, "OWNER_DATABASE_URL": owner})
    findings = given.database_findings(site)
    assert "DATABASE_URL does not sign in as crs_app" in findings
    assert "DATABASE_URL: crs_owner may create tables in the schema public" in findings


def test_a_database_that_is_away_is_named_without_its_password(folder: Folder) -> None:
    site = Site(folder)
    url = f"postgresql://crs_app:hunter2@127.0.0.1:{any_free('127.0.0.1')}/crs"
    site.take_given({"DATABASE_URL": url, "OWNER_DATABASE_URL": url.replace("crs_app", "crs_owner")})
    findings = given.database_findings(site)
    assert len(findings) == 2
    assert "hunter2" not in " ".join(findings)


def test_a_given_gateway_that_is_away_is_refused_before_anything_starts(folder: Folder) -> None:
    site = Site(folder)
    nowhere = f"tcp://127.0.0.1:{any_free('127.0.0.1')}"
    site.take_given({"GATEWAY_COMMAND_URL": nowhere, "GATEWAY_TICKS_URL": nowhere})
    with pytest.raises(Unusable, match=f"GATEWAY_COMMAND_URL: nothing answers at {nowhere}"):
        given.refuse_unusable(site)


def test_the_administrators_sql_names_roles_and_time_outs_and_no_password(folder: Folder) -> None:
    site = Site(folder)
    url = "postgresql://crs_app:hunter2@db/desk"
    site.take_given({"DATABASE_URL": url, "OWNER_DATABASE_URL": "postgresql://boss:hunter2@db/desk"})
    text = given.administrator_sql(site)
    assert 'CREATE DATABASE "desk" OWNER "boss"' in text
    assert "ALTER ROLE crs_app SET statement_timeout = '5s'" in text
    assert "hunter2" not in text


def test_valkey_answers_only_who_knows_the_password() -> None:
    url = os.environ["REDIS_URL"]
    assert valkey.answers(url)
    assert not valkey.answers(url.replace("redis://:", "redis://:wrong"))
    assert not valkey.answers("redis://127.0.0.1:1/0")


# ── Small things ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("output", "expected"),
    [('chatter\n{"users": []}\n\n', {"users": []}), ("no json", {}), ("", {}), ("[1]", {})],
)
def test_a_commands_answer_is_its_last_line(output: str, expected: dict[str, object]) -> None:
    assert migrations.last_object(output) == expected


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["up", "--host", "0.0.0.0"], {}, "a demo listens on loopback only"),
        (["up"], {"CRS_ENV": "prod"}, "CRS_ENV is 'prod'"),
        (["up"], {"DATABASE_URL": "postgresql://crs_app@db/crs"}, "OWNER_DATABASE_URL is missing"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_exit_2(
    arguments: list[str],
    environment: dict[str, str],
    said: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "GATEWAY_COMMAND_URL", "GATEWAY_TICKS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CRS_STATE_DIR", str(tmp_path))
    assert run([*arguments, "--json"]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert json.loads(shown.out.splitlines()[-1])["ok"] is False


def test_down_without_a_stack_says_so_and_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRS_STATE_DIR", str(tmp_path / "nothing"))
    assert run(["down"]) == 0


def test_the_stack_needs_neither_django_nor_celery() -> None:
    """It starts the database that they need; importing them would also cost a second before the first line."""
    program = "import sys, crs.stack.main; print([n for n in ('django', 'celery') if n in sys.modules])"
    began = time.monotonic()
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=addresses.ROOT
    )
    assert answer.stdout.strip() == "[]"
    assert time.monotonic() - began < 10
