"""Does every link of the portal lead somewhere? A walk over a filled desk, as each role, in both languages."""

from __future__ import annotations

import html
import re
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest

from approvals.operations import keys, killswitch
from approvals.rules.scope import GLOBAL, Scope
from crs.kernel.actor import machine
from tests.crs.portal import desk
from tests.support.people import make_person

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

pytestmark = pytest.mark.django_db

ROLES = ["viewer", "operator", "risk", "finance", "security", "administrator"]
# Signing out ends the walk; the others are no pages of the portal and have tests of their own.
LEFT_OUT = ("/admin/logout/", "/static/", "/api/", "/readyz", "/livez")
PAGES_MAX = 400
# Pages of one kind say the same: two rows of a list are opened, and one list under each filter and order.
ROWS, FILTERED = 2, 1


def kind(address: str) -> str:
    """Return an address without its numbers and the values of its query: what says which page it is."""
    parts = urlsplit(address)
    return re.sub(r"\d+", "#", parts.path) + "?" + "&".join(sorted(re.findall(r"([^=&]+)=", parts.query)))


def links(address: str, body: str) -> set[str]:
    """Return where the links of a page lead, inside the portal."""
    found = {urljoin(address, html.unescape(link)) for link in re.findall(r'<a\s(?:[^>]*\s)?href="([^"#]+)', body)}
    return {link for link in found if link.startswith("/") and not link.startswith(LEFT_OUT)}


def walk(browser: Client, *, filters: bool) -> dict[str, tuple[int, str]]:
    """Open every page that links lead to, a few of each kind; return its status and where it was found.

    Without `filters`, addresses with a query are left out: they are the same for every role.
    """
    seen: dict[str, tuple[int, str]] = {}
    walked: dict[str, int] = {}
    waiting = deque([("/admin/", ""), ("/health/", ""), ("/me/", "")])
    while waiting and len(seen) < PAGES_MAX:
        address, found_on = waiting.popleft()
        most = ROWS if "?" not in address else FILTERED if filters else 0
        if address in seen or walked.get(kind(address), 0) >= most:
            continue
        walked[kind(address)] = walked.get(kind(address), 0) + 1
        answer = browser.get(address)
        seen[address] = (answer.status_code, found_on)
        if answer.status_code in (301, 302):
            waiting.append((urljoin(address, answer["Location"]), address))
        elif not answer.streaming:
            waiting.extend((link, address) for link in sorted(links(address, answer.content.decode())))
        else:
            b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # an export that breaks, breaks here
    return seen


@pytest.fixture
def filled() -> None:
    """A desk with two sessions, an order, a halt whose release waits, one that was released, and a key."""
    alice, adam = make_person("alice", "operator"), make_person("adam", "security")
    shown, _ = desk.show(), desk.show(state="OPENING", nav_units=None, opening_equity_units=None)
    desk.order(shown.account, at=shown.at)
    for scope in (Scope("SYMBOL", "BTCUSD.s"), GLOBAL):
        killswitch.engage(scope=scope, reason="a drill", actor=machine("test"), at=shown.at)
    killswitch.request_release(scope=GLOBAL, cause="drill", remedy="none", actor=alice, at=shown.at)
    keys.create(name="bot-1", kind="ed25519", scopes=["ledger:read"], actor=adam, at=shown.at, label="demo")


@pytest.mark.parametrize(("role", "language"), [*((role, "en") for role in ROLES), ("risk", "zh-hans")])
def test_no_link_of_the_portal_is_dead(
    filled: None, signed_in: Callable[..., Client], role: str, language: str
) -> None:
    browser = signed_in(role)
    browser.cookies["django_language"] = language
    seen = walk(browser, filters=(role, language) == ("risk", "en"))
    # 403 counts too: what a role may not press is not drawn.
    assert {address: told for address, told in seen.items() if told[0] >= 400} == {}
    assert len(seen) > 40, "a walk that finds so little proves nothing"


def test_nothing_is_dead_on_an_empty_desk(signed_in: Callable[..., Client]) -> None:
    seen = walk(signed_in("risk"), filters=False)
    assert {address: told for address, told in seen.items() if told[0] >= 400} == {}
    assert len(seen) > 20
