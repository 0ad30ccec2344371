"""Does the kill switch do what a twenty-line model says, whatever anybody tries in whatever order?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from approvals import queries
from approvals.models import AuditEvent, HaltRelease, KillSwitchEvent
from approvals.operations import killswitch
from approvals.rules import scope as scopes
from approvals.rules.roles import NotPermitted
from crs.kernel.actor import Actor, machine
from crs.kernel.refusal import Refusal
from tests.support.people import make_person

SCOPES = ["GLOBAL", "SYMBOL:XAUUSD.s", "symbol:xauusd.S", "STRATEGY:trend", "CHAIN:eth"]
ROLES = {"olga": ["operator"], "rita": ["risk"], "sven": ["security"], "vera": ["viewer"], "finn": ["finance"]}
ASK, CONFIRM, STOP = {"olga", "rita"}, {"rita", "sven"}, {"olga", "rita", "sven"}
PEOPLE = {name: Actor("person", name) for name in ROLES}
COMMAND, BOT = machine("kill"), Actor("key", "k0123456789abcdef")
scope_texts = st.sampled_from(SCOPES)
people = st.sampled_from(sorted(ROLES))


class KillSwitchMachine(RuleBasedStateMachine):
    """The model: which scopes stand still, with which positions, who has asked to release them, and the epoch."""

    @initialize()
    def begin(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        for name, roles in ROLES.items():
            make_person(name, *roles)
        self.at = datetime(2026, 11, 20, 12, tzinfo=UTC)
        self.epoch = queries.halts().epoch
        self.standing: dict[str, str] = {}  # scope in small letters → positions
        self.asked: dict[str, tuple[int, str]] = {}  # scope → request, who asked
        self.events = 0

    def teardown(self) -> None:
        if hasattr(self, "atomic"):
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    def tick(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    @rule(
        text=scope_texts,
        who=st.sampled_from([*sorted(ROLES), "bot", "command"]),
        positions=st.sampled_from(["KEEP", "CLOSE"]),
    )
    def engage(self, text: str, who: str, positions: Any) -> None:
        actor = {"bot": BOT, "command": COMMAND}.get(who) or PEOPLE[who]
        scope, key = scopes.parse(text), text.lower()
        self.events += 1
        if who in ROLES and who not in STOP:
            with pytest.raises(NotPermitted):
                killswitch.engage(scope=scope, reason="x", positions=positions, actor=actor, at=self.tick())
            return
        done = killswitch.engage(scope=scope, reason="x", positions=positions, actor=actor, at=self.tick())
        assert done.is_new == (key not in self.standing)
        self.epoch += done.is_new
        assert not done.is_new or done.halt.epoch == self.epoch
        # CLOSE is never lowered while a scope stands still.
        self.standing[key] = "CLOSE" if "CLOSE" in (positions, self.standing.get(key, "")) else "KEEP"
        self.asked.pop(key, None)  # one more reason than its maker knew

    @rule(text=scope_texts, who=people)
    def ask(self, text: str, who: str) -> None:
        key = text.lower()
        self.events += 1
        is_possible = who in ASK and key in self.standing and key not in self.asked
        try:
            made = killswitch.request_release(
                scope=scopes.parse(text), cause="c", remedy="r", actor=PEOPLE[who], at=self.tick()
            )
        except Refusal:
            assert not is_possible
        else:
            assert is_possible
            self.asked[key] = (made.id, who)

    @rule(text=scope_texts, who=people)
    def confirm(self, text: str, who: str) -> None:
        key = text.lower()
        made = HaltRelease.objects.filter(kill_switch__scope_id__iexact=scopes.parse(text).id).order_by("-id").first()
        if made is None:
            return
        self.events += 1
        open_id, maker = self.asked.get(key, (0, ""))
        is_possible = who in CONFIRM and made.id == open_id and who != maker
        try:
            killswitch.confirm_release(release_id=made.id, actor=PEOPLE[who], at=self.tick())
        except Refusal:
            assert not is_possible
        else:
            assert is_possible
            self.release(key)

    @rule(text=scope_texts, by_command=st.booleans())
    def release_at_the_machine(self, text: str, by_command: bool) -> None:
        key = text.lower()
        self.events += 1
        is_possible = by_command and key in self.standing
        try:
            killswitch.release(
                scope=scopes.parse(text), reason="r", actor=COMMAND if by_command else BOT, at=self.tick()
            )
        except Refusal:
            assert not is_possible
        else:
            assert is_possible
            self.release(key)

    def release(self, key: str) -> None:
        del self.standing[key]
        self.asked.pop(key, None)
        self.epoch += 1

    @invariant()
    def is_as_the_model_says(self) -> None:
        if not hasattr(self, "atomic"):
            return
        halts = queries.halts()
        assert halts.epoch == self.epoch
        assert {str(halt.scope).lower(): halt.positions for halt in halts.engaged} == self.standing
        assert {made.id for made in queries.open_releases()} == {made for made, _ in self.asked.values()}
        # Every decision, allowed or denied, left one event and one piece of evidence.
        assert KillSwitchEvent.objects.count() == self.events
        assert AuditEvent.objects.filter(subject_kind="approvals.halt").count() == self.events


@pytest.mark.property
@pytest.mark.django_db
def test_the_kill_switch_does_what_its_model_says() -> None:
    run_state_machine_as_test(
        KillSwitchMachine, settings=settings(max_examples=15, stateful_step_count=25, deadline=None)
    )
