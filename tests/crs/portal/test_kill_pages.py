"""Can anybody who may stop stop, with scripts off too, and can nobody let go alone?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from approvals import queries
from approvals.models import AuditEvent, KillSwitchEvent
from approvals.operations import killswitch
from approvals.rules.scope import GLOBAL, Scope
from crs.kernel import clock
from crs.kernel.actor import machine
from tests.support.factories import make_account

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

pytestmark = pytest.mark.django_db

WHOLE = {"scope": "GLOBAL", "positions": "CLOSE", "reason": "Drill", "note": "first Friday", "sure": "yes"}


def test_the_form_stops_without_scripts_and_leads_to_its_progress(
    signed_in: Callable[..., Client], told: list[Any]
) -> None:
    answer = signed_in("operator").post("/kill/", WHOLE)
    halt = queries.kill_switch(GLOBAL)
    assert halt is not None
    assert (halt.state, halt.positions, halt.reason) == ("ENGAGED", "CLOSE", "Drill: first Friday")
    assert halt.engaged_by == "person:operator"
    assert (answer.status_code, answer["Location"]) == (302, f"/kill/{halt.epoch}/")
    assert [engaged.halt.epoch for engaged in told] == [halt.epoch]


def test_a_double_tap_is_one_stop(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("operator")
    first, second = browser.post("/kill/", WHOLE), browser.post("/kill/", WHOLE)
    assert first["Location"] == second["Location"]
    assert len(queries.halts().engaged) == 1


@pytest.mark.parametrize(("left_out", "says"), [("reason", "Choose a reason."), ("sure", "Tick the box")])
def test_what_is_missing_is_said_and_what_was_chosen_is_kept(
    signed_in: Callable[..., Client], left_out: str, says: str
) -> None:
    form = {**WHOLE, "scope": "SYMBOL:XAUUSD.s", "positions": "KEEP"}
    del form[left_out]
    answer = signed_in("operator").post("/kill/", form)
    body = answer.content.decode()
    assert answer.status_code == 422
    assert says in body
    assert 'value="SYMBOL:XAUUSD.s" checked' in body
    assert "first Friday" in body
    assert queries.halts().engaged == ()


def test_the_link_carries_the_scope_and_its_usual_positions(signed_in: Callable[..., Client]) -> None:
    body = signed_in("operator").get("/kill/", {"scope": "symbol:XAUUSD.s"}).content.decode()
    assert 'value="SYMBOL:XAUUSD.s" checked' in body
    assert 'value="KEEP" data-word="positions kept" checked' in body
    body = signed_in("operator").get("/kill/").content.decode()
    assert 'value="GLOBAL" checked' in body
    assert 'value="CLOSE" data-word="positions closed" checked' in body


def test_an_unreadable_scope_still_shows_the_page(signed_in: Callable[..., Client]) -> None:
    answer = signed_in("operator").get("/kill/", {"scope": "<script>"})
    assert answer.status_code == 200
    assert "<script>" not in answer.content.decode()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"scope": "MOON:1"}, "choose what to stop"),
        ({"scope": "SYMBOL:"}, "choose what to stop"),
        ({"scope": ""}, "choose what to stop"),
        ({"scope": "SYMBOL:XAUUSD.s", "positions": "close"}, "choose whether positions are closed or kept"),
    ],
)
def test_a_form_that_the_page_does_not_offer_stops_nothing_and_not_everything(
    signed_in: Callable[..., Client], told: list[Any], changed: dict[str, str], says: str
) -> None:
    answer = signed_in("operator").post("/kill/", {**WHOLE, **changed})
    body = answer.content.decode()
    assert answer.status_code == 422
    assert says in body
    assert "first Friday" in body
    preselected = changed["scope"] if "positions" in changed else "GLOBAL"
    assert f'value="{preselected}" checked' in body
    assert queries.halts().engaged == ()
    assert told == []


def test_a_form_with_a_nul_is_refused_as_a_page(signed_in: Callable[..., Client]) -> None:
    answer = signed_in("operator").post("/kill/", {**WHOLE, "note": "a\0b"})
    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (400, "text/html")
    assert queries.halts().engaged == ()


@pytest.mark.parametrize("release", ["", "x", "-1", "１", "9" * 30])
def test_a_confirmation_of_no_request_is_refused(signed_in: Callable[..., Client], release: str) -> None:
    page = signed_in("operator").post("/kill/", WHOLE)["Location"]
    answer = signed_in("security", name="bob").post(f"{page}release/confirm/", {"release": release})
    assert answer.status_code == 409
    assert queries.halts().engaged != ()


def test_a_scope_that_does_not_exist_is_refused_on_the_page(signed_in: Callable[..., Client]) -> None:
    answer = signed_in("operator").post("/kill/", {**WHOLE, "scope": "ACCOUNT:NOBODY"})
    assert answer.status_code == 422
    assert "there is no account NOBODY" in answer.content.decode()


def test_a_session_that_ended_comes_back_with_scope_and_reason(client: Client) -> None:
    answer = client.post("/kill/", {**WHOLE, "scope": "SYMBOL:XAUUSD.s"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/?next=/kill/")
    for kept in ("SYMBOL%253AXAUUSD.s", "reason%3DDrill", "positions%3DCLOSE", "first"):
        assert kept in answer["Location"]
    assert "sure" not in answer["Location"]
    assert queries.halts().engaged == ()


def test_a_viewer_neither_sees_nor_stops_and_the_attempt_is_evidence(signed_in: Callable[..., Client]) -> None:
    answer = signed_in("viewer").post("/kill/", WHOLE)
    assert answer.status_code == 403
    assert queries.halts().engaged == ()
    assert AuditEvent.objects.filter(action="approvals.access.denied", actor="viewer").exists()


def test_the_page_of_a_scope_that_stands_still_says_so(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("operator")
    browser.post("/kill/", {**WHOLE, "scope": "SYMBOL:XAUUSD.s"})
    body = browser.get("/kill/", {"scope": "SYMBOL:XAUUSD.s"}).content.decode()
    assert "SYMBOL:XAUUSD.s is already stopped" in body


def test_the_list_action_leads_to_the_stop_page(signed_in: Callable[..., Client]) -> None:
    account = make_account()
    form = {"action": "halt", "_selected_action": [account.pk]}
    answer = signed_in("operator").post("/admin/approvals/account/", form)
    assert answer["Location"] == f"/kill/?scope=ACCOUNT%3A{account.code}"
    assert "Halt selected" not in signed_in("viewer").get("/admin/approvals/account/").content.decode()


def test_a_release_needs_two_people(signed_in: Callable[..., Client]) -> None:
    page = signed_in("operator").post("/kill/", WHOLE)["Location"]
    both = signed_in("operator", "risk", name="alice")
    said = {"cause": "a drill", "remedy": "none needed"}
    assert both.post(f"{page}release/", said).status_code == 302
    asked = queries.open_releases().get()

    alone = both.post(f"{page}release/confirm/", {"release": asked.id})
    assert alone.status_code == 403
    assert "Release</button>" not in both.get(page).content.decode()
    assert signed_in("operator", name="eve").post(f"{page}release/confirm/", {"release": asked.id}).status_code == 403
    assert queries.halts().engaged != ()

    other = signed_in("security", name="bob")
    assert "Release</button>" in other.get(page).content.decode()
    assert other.post(f"{page}release/confirm/", {"release": asked.id}).status_code == 302
    assert queries.halts().engaged == ()
    assert "Released: trading may go on here" in other.get(page).content.decode()


def test_a_release_without_words_is_refused(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("risk")
    page = browser.post("/kill/", WHOLE)["Location"]
    assert browser.post(f"{page}release/", {"cause": "a drill", "remedy": " "}).status_code == 422
    assert not queries.open_releases().exists()


def test_only_operator_and_risk_ask_for_a_release(signed_in: Callable[..., Client]) -> None:
    page = signed_in("operator").post("/kill/", WHOLE)["Location"]
    answer = signed_in("finance").post(f"{page}release/", {"cause": "x", "remedy": "y"})
    assert answer.status_code == 403


def test_the_progress_is_polled_and_ends_with_the_release(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("risk", name="alice")
    page = browser.post("/kill/", WHOLE)["Location"]
    first = browser.get(f"{page}live/")
    assert "X-CRS-Done" not in first
    assert browser.get(f"{page}live/", headers={"If-None-Match": first["ETag"]}).status_code == 304
    browser.post(f"{page}release/", {"cause": "a", "remedy": "b"})
    signed_in("security", name="bob").post(f"{page}release/confirm/", {"release": queries.open_releases().get().id})
    last = browser.get(f"{page}live/", headers={"If-None-Match": first["ETag"]})
    assert (last.status_code, last["X-CRS-Done"]) == (200, "1")


def test_a_progress_page_of_no_halt_is_404(signed_in: Callable[..., Client]) -> None:
    assert signed_in("viewer").get("/kill/987654/").status_code == 404


def test_engaging_again_on_the_page_raises_keep_to_close(signed_in: Callable[..., Client]) -> None:
    browser = signed_in("operator")
    first = browser.post("/kill/", {**WHOLE, "positions": "KEEP"})
    second = browser.post("/kill/", {**WHOLE, "positions": "CLOSE", "note": "now close"})
    assert first["Location"] == second["Location"]
    halt = queries.kill_switch(Scope("GLOBAL"))
    assert halt is not None
    assert halt.positions == "CLOSE"
    assert KillSwitchEvent.objects.filter(action="ENGAGE").count() == 2


def test_the_receipt_names_every_gateway_and_what_is_left(signed_in: Callable[..., Client], told: list[Any]) -> None:
    browser = signed_in("operator")
    page = browser.post("/kill/", WHOLE)["Location"]
    assert "Gateways are called" in browser.get(page).content.decode()
    at = clock.now()
    steps = [
        {"name": "new risk refused", "started_at": "", "ms": 4, "ok": True},
        {"name": "gateway told: PAPER-1", "ms": 41, "ok": True, "orders_cancelled": 2, "positions_closed": 1},
        {"name": "asked again", "ms": 20_000, "ok": False, "positions_left": 1, "no_answer": ["PAPER-2"]},
    ]
    killswitch.add_receipt(told[0].halt, steps, actor=machine("test"), at=at)
    body = browser.get(page).content.decode()
    for said in (
        "New risk refused",
        "Gateway told · PAPER-1",
        "2 orders cancelled · 1 position closed",
        "1 position left · no answer: PAPER-2",
        "20.0 s",
    ):
        assert said in body
