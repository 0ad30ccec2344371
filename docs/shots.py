"""How does the portal look today? Takes every picture of the docs on a desk of its own, and fails if a page misbehaves.

    make shots

Starts a stack in a temporary folder, runs real sessions on the paper venue, signs in as the demo users, and writes
docs/pictures/. Needs Chromium (CHROMIUM=/path/to/it, default /usr/bin/chromium). A console error, a report of the
content security policy or a page wider than its screen ends it with 1.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import palette
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
WIDTHS = (320, 390, 768, 1024, 1440)
SIZE_MAX = 250 * 1024  # bytes of a picture
READY_S = 120
TRADED_S = 75  # how long the shown session has traded when the pictures are taken: one venue hour a second
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2, "is_mobile": True},
}


def main() -> int:
    """Take all pictures; 1 when a page misbehaved."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="crs-shots-") as folder, desk(Path(folder)) as stack:
        first = session(folder, duration_s=25)
        shown = subprocess.Popen(
            command(TRADED_S + 240), env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        print(f"session {first['session']} has its report; another trades for {TRADED_S} s", flush=True)
        time.sleep(TRADED_S)
        try:
            faults = photograph(stack, report=int(first["session"]))
        finally:
            shown.terminate()
            shown.wait(timeout=60)
    for fault in faults:
        print(fault)
    for picture in sorted(PICTURES.glob("*.png")):
        palette.reduce(picture)
        if picture.stat().st_size > SIZE_MAX:
            faults.append(f"{picture.name} has {picture.stat().st_size // 1024} KiB")
            print(faults[-1])
    print(f"{len(list(PICTURES.glob('*.png')))} pictures in {PICTURES.relative_to(ROOT)}")
    return 1 if faults else 0


# ── The desk ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def environment(folder: str) -> dict[str, str]:
    """Return the caller's environment with the desk's own folder, and no server that was given."""
    given = ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "GATEWAY_COMMAND_URL", "GATEWAY_TICKS_URL")
    kept = {name: value for name, value in os.environ.items() if name not in given}
    return {**kept, "CRS_STATE_DIR": folder, "CRS_PROCESS": "command"}


def free_port() -> int:
    """Return a port that nobody listens on: another desk may run on the usual one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def desk(folder: Path) -> Iterator[dict[str, Any]]:
    """Start a stack with its demo desk, yield its stack.json, and stop it."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", str(free_port())],
        cwd=ROOT,
        env=environment(str(folder)),
        stdout=subprocess.DEVNULL,
    )
    try:
        written = folder / "stack.json"
        deadline = time.monotonic() + READY_S
        while not (written.exists() and json.loads(written.read_text()).get("ready_at")):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the stack did not start")
            time.sleep(0.5)
        yield json.loads(written.read_text())
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def command(duration_s: int) -> list[str]:
    """Return the command of a session that trades one venue hour a second."""
    symbols = ("--symbols", "BTCUSD.s,ETHUSD.s,XAUUSD.s")
    return [
        sys.executable,
        "manage.py",
        "session",
        *symbols,
        "--duration",
        str(duration_s),
        "--max-loss",
        "500",
        "--json",
    ]


def session(folder: str, *, duration_s: int) -> dict[str, Any]:
    """Run one session to its end and return its report."""
    done = subprocess.run(
        command(duration_s), cwd=ROOT, env=environment(folder), capture_output=True, text=True, check=False
    )
    if not done.stdout.strip():
        raise SystemExit(f"the session did not run:\n{done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


# ── The pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────
def photograph(stack: dict[str, Any], *, report: int) -> list[str]:
    """Take the pictures in every look and return what misbehaved."""
    faults: list[str] = []
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for look in LOOKS:
            with opened(browser, stack, "adam", look, faults) as page:
                pages(page, look, report)
                measure(page, report, faults)
        with opened(browser, stack, "adam", "light", faults, language="zh-hans") as page:
            shoot(page, "/admin/", "cockpit-zh")
        stopped(browser, stack, faults)
        browser.close()
    return faults


def pages(page: Page, look: str, report: int) -> None:
    """Take the pages of a desk that trades."""
    shoot(page, "/admin/", f"cockpit-{look}")
    shoot(page, f"/admin/strategies/session/{report}/change/", f"session-{look}")
    shoot(page, "/admin/ledger/journal/?kind__exact=TRADE", f"journals-{look}")
    page.locator("#result_list tbody th a").first.click()
    page.wait_for_load_state()
    page.screenshot(path=PICTURES / f"journal-{look}.png")
    shoot(page, "/health/", f"health-{look}")
    page.goto("/kill/")
    choose_drill(page)
    page.screenshot(path=PICTURES / f"kill-{look}.png")
    page.goto("/keys/new/")
    page.get_by_label("Name").fill(f"bot of the {look} picture")
    page.get_by_text("read the book").click()
    page.get_by_text("propose orders").click()
    page.get_by_role("button", name="Make the key").click()
    page.wait_for_load_state()
    page.screenshot(path=PICTURES / f"key-shown-{look}.png")


def stopped(browser: Browser, stack: dict[str, Any], faults: list[str]) -> None:
    """Hold to stop everything as a person does, then take the receipt in every look."""
    with opened(browser, stack, "bob", "light", faults) as page:
        page.goto("/kill/")
        choose_drill(page)
        page.locator("[data-hold]").hover()
        page.mouse.down()
        page.wait_for_url(re.compile(r"/kill/\d+/$"), timeout=15_000)
        page.mouse.up()
        page.get_by_text("Asked again").wait_for(timeout=60_000)
        progress = page.url
        page.wait_for_timeout(1500)
        page.screenshot(path=PICTURES / "kill-progress-light.png")
    for look in ("dark", "phone"):
        with opened(browser, stack, "bob", look, faults) as page:
            page.goto(progress)
            page.wait_for_timeout(1500)
            page.screenshot(path=PICTURES / f"kill-progress-{look}.png")


def choose_drill(page: Page) -> None:
    """Choose the reason; on a phone the fixed bar may lie over the chip, which a thumb would scroll away first."""
    page.get_by_label("Drill").evaluate("chip => { chip.checked = true; scrollTo(0, 0); }")


def shoot(page: Page, path: str, name: str) -> None:
    """Open a page, wait until it has polled once, and keep what is on the screen."""
    page.goto(path)
    page.wait_for_timeout(3500)
    page.screenshot(path=PICTURES / f"{name}.png")


def measure(page: Page, report: int, faults: list[str]) -> None:
    """Note every page that is wider than its screen at one of the usual widths."""
    lists = ("strategies/session", "ledger/journal", "ledger/ledgeraccount", "execution/order", "guardian/symbol")
    paths = ["/admin/", "/kill/", "/keys/new/", "/me/", "/health/", f"/admin/strategies/session/{report}/change/"]
    size = page.viewport_size
    for path in [*paths, *(f"/admin/{name}/" for name in lists)]:
        page.goto(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(120)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                faults.append(f"{path} is {wide} wide on a screen of {width}")
        page.set_viewport_size(size or DESKTOP)


@contextmanager
def opened(
    browser: Browser, stack: dict[str, Any], name: str, look: str, faults: list[str], *, language: str = "en"
) -> Iterator[Page]:
    """Sign in as a demo user in one look; whatever the console says or a policy refuses is a fault."""
    password = next(Path(user["password_file"]).read_text().strip() for user in stack["users"] if user["name"] == name)
    context = browser.new_context(base_url=stack["web_url"], **LOOKS[look])
    context.add_cookies([{"name": "django_language", "value": language, "url": stack["web_url"]}])
    page = context.new_page()
    page.on("console", lambda said: faults.append(f"{page.url}: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.goto("/admin/login/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    page.click("[type=submit]")
    page.wait_for_url("**/admin/")
    yield page
    context.close()


if __name__ == "__main__":
    sys.exit(main())
