"""Where do the tests' servers come from? From the environment, otherwise from an embedded stack of their own.

The tests sign in as `crs_owner`, which may make databases; the fixture `as_app` becomes `crs_app`, which is granted to
the owner here and nowhere else (INHERIT FALSE: it has to ask for it). Servers and folder live as long as the run.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from crs.stack import clean, postgres
from crs.stack.folder import Folder
from crs.stack.screen import Screen
from crs.stack.site import Site
from crs.stack.supervisor import Supervisor

OWN = "CRS_TESTS_OWN_SERVERS"  # set by whoever started them, so that the processes of pytest-xdist share them
running: list[Supervisor] = []


class Silence(Screen):
    """A screen for those who watch something else."""

    def say(self, line: str) -> None: ...


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Set the addresses before Django reads its settings."""
    # Whatever the shell or .env says: tests know one environment, and no gateway but those they start themselves.
    os.environ |= {"CRS_ENV": "demo", "CRS_PROCESS": "command"}
    os.environ |= {"GATEWAY_COMMAND_URL": "tcp://127.0.0.1:1", "GATEWAY_TICKS_URL": "tcp://127.0.0.1:1"}
    if "DATABASE_URL" not in os.environ:
        start_servers()
    if OWN in os.environ and (process := re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))):
        # One of Valkey's 16 databases each, as pytest-django gives each its own database.
        os.environ["REDIS_URL"] = re.sub(r"\d+$", str(int(process[1]) % 15 + 1), os.environ["REDIS_URL"])


def start_servers() -> None:
    """Start PostgreSQL and Valkey in a folder of their own, without fsync, and put their addresses into place."""
    folder = Folder(Path(tempfile.mkdtemp(prefix="crs-tests-")))
    site = Site(folder, is_durable=False)
    supervisor = Supervisor(site, Silence())
    running.append(supervisor)
    folder.make()
    try:
        supervisor.start_servers()
        postgres.let_owner_become_app(site)
    except BaseException:
        stop_servers()
        raise
    owner = site.addresses["OWNER_DATABASE_URL"]
    os.environ |= {
        "DATABASE_URL": owner,
        "OWNER_DATABASE_URL": owner,
        "APP_DATABASE_URL": site.addresses["DATABASE_URL"],
        "REDIS_URL": site.addresses["REDIS_URL"],
        "CRS_STATE_DIR": str(folder.path),
        OWN: "1",
    }


def stop_servers() -> None:
    """Stop what was started here and remove its folder."""
    while running:
        supervisor = running.pop()
        supervisor.stop_all()
        shutil.rmtree(supervisor.site.folder.path, ignore_errors=True)
        shutil.rmtree(clean.sheltered(supervisor.site.folder.path), ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: Any) -> None:
    stop_servers()


def pytest_report_header() -> str:
    return "servers: " + ("their own, embedded" if OWN in os.environ else "given by DATABASE_URL")
