"""Is everything in order, and what is real? Every check says what to do when it fails."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from crs.stack import addresses, binaries, given, python, sound, valkey
from crs.stack.folder import Folder, Held, Unusable
from crs.stack.site import Site

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `hint` says what to do, or what was seen."""

    name: str
    ok: bool
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Integration:
    """Something outside: REAL, DEMO (a stand-in of ours) or OFF, and why."""

    name: str
    mode: str
    reason: str


def run(_options: argparse.Namespace, answer: dict[str, object]) -> int:
    """Look at machine, settings and running stack. Exit code 0 fine, 1 a finding, 2 unusable configuration."""
    site = Site(Folder())
    site.take_given(os.environ)
    is_running = _is_running(site.folder)
    wrong = sound.findings(site)
    checks = [*_machine(), *_settings(wrong), *_folder(site.folder, is_running=is_running)]
    unusable = bool(wrong)
    if "DATABASE_URL" in site.given and not wrong:
        findings = given.database_findings(site)
        unusable |= bool(findings)
        checks += [Check("given database", ok=False, hint=finding) for finding in findings]
        checks += (
            [] if findings else [Check("given database", ok=True, hint="both roles have what they need and no more")]
        )
        if findings:
            print(given.administrator_sql(site))
    if "REDIS_URL" in site.given and not wrong:
        is_up = valkey.answers(site.addresses["REDIS_URL"])
        checks.append(Check("given valkey", ok=is_up, hint="" if is_up else "REDIS_URL: no server answers PING there"))
    if is_running:
        checks += _running(site)
    integrations = _integrations(site)
    for check in checks:
        print(f"{'ok  ' if check.ok else 'FAIL'} {check.name}{': ' + check.hint if check.hint else ''}")
    for integration in integrations:
        print(f"{integration.mode:<4} {integration.name}: {integration.reason}")
    is_ok = all(check.ok for check in checks)
    answer |= {
        "checks": [asdict(check) for check in checks],
        "integrations": [asdict(integration) for integration in integrations],
        "ok": is_ok,
    }
    return 2 if unusable else 0 if is_ok else 1


def _machine() -> list[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    checks = [
        Check("python", ok=sys.version_info >= (3, 11), hint=f"{version}; CRS needs 3.11 or newer"),
        Check(
            "assertions",
            ok=not sys.flags.optimize,
            hint="run without -O and PYTHONOPTIMIZE" if sys.flags.optimize else "",
        ),
    ]
    programs: tuple[tuple[str, Callable[[], Path], str], ...] = (
        ("postgres program", binaries.postgres, "DATABASE_URL"),
        ("valkey program", binaries.valkey, "REDIS_URL"),
    )
    for name, find, setting in programs:
        if addresses.given(setting):
            continue
        try:
            find()
        except Unusable as error:
            checks.append(Check(name, ok=False, hint=str(error)))
        else:
            checks.append(Check(name, ok=True))
    return checks


def _settings(wrong: list[str]) -> list[Check]:
    """No process starts with wrong settings, whatever else is in order."""
    return [Check("settings", ok=False, hint=finding) for finding in wrong] or [Check("settings", ok=True)]


def _folder(folder: Folder, *, is_running: bool) -> list[Check]:
    if not folder.path.exists():
        return [Check("state folder", ok=True, hint="not made yet: `make up` does")]
    checks = [Check("state folder", ok=os.access(folder.path, os.W_OK), hint=str(folder.path))]
    secrets = [*folder.secrets.glob("*"), folder.path / "stack.json"]
    open_to_others = [path.name for path in secrets if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    hint = f"chmod 600: {', '.join(open_to_others)}" if open_to_others else ""
    checks.append(Check("secrets", ok=not open_to_others, hint=hint))
    if not is_running:
        has_crashed = (folder.path / "stack.json").exists()
        hint = "its supervisor was killed: `make down` or `make up` puts it right" if has_crashed else "not running"
        checks.append(Check("stack", ok=not has_crashed, hint=hint))
    return checks


def _is_running(folder: Folder) -> bool:
    if not folder.path.exists():
        return False
    try:
        with folder.held():
            return False
    except Held:
        return True


def _running(site: Site) -> list[Check]:
    """Ask the running stack itself: its web process knows the rest."""
    written = site.folder.read_json("stack.json")
    if not written.get("ready_at"):
        return [Check("stack", ok=False, hint="it is starting")]
    site.host, _, port = str(written["web_url"]).removeprefix("http://").rpartition(":")
    site.host, site.port = site.host.strip("[]"), int(port)
    try:
        _, content = python.ask(site, "/readyz")
    except OSError:
        return [Check("web", ok=False, hint=f"{site.web_url} does not answer: see {site.folder.logs / 'web.log'}")]
    checks = content.get("checks", {}) if isinstance(content, dict) else {}
    return [Check(name, ok=bool(check["ok"]), hint=str(check.get("detail", ""))) for name, check in checks.items()]


def _integrations(site: Site) -> list[Integration]:
    def server(name: str, setting: str) -> Integration:
        where = f"given by {setting}" if setting in site.given else "embedded, started by `up`"
        return Integration(name, "REAL", where)

    gateway = (
        Integration("gateway", "REAL", "given by GATEWAY_COMMAND_URL")
        if "GATEWAY_COMMAND_URL" in site.given
        else Integration("gateway", "DEMO", "the paper gateway: recorded bars of December 2017, or a synthetic path")
    )
    return [server("postgresql", "DATABASE_URL"), server("valkey", "REDIS_URL"), gateway]
