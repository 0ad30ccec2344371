"""Is every cell of the permission matrix what the specification says?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from approvals import queries
from approvals.models import AuditEvent, KillSwitchEvent
from approvals.operations import killswitch
from approvals.rules import roles
from approvals.rules.roles import ROLES, Act, NotPermitted
from approvals.rules.scope import Scope
from tests.support.people import make_person

# The specification's table, as it is written there: viewer, operator, risk, finance, security, administrator.
TABLE = {
    Act.READ: "✓✓✓✓✓✓",
    Act.ENGAGE: "–✓✓–✓✓",
    Act.PROPOSE: "–✓✓–––",
    Act.VOTE: "––✓–✓–",
    Act.TIGHTEN: "–✓✓–✓✓",
    Act.CORRECT: "–––✓––",
    Act.KEYS: "––––✓–",
    Act.PEOPLE: "–––––✓",
}
CELLS = [(act, role, mark == "✓") for act, marks in TABLE.items() for role, mark in zip(ROLES, marks, strict=True)]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(("act", "role", "allowed"), CELLS)
def test_the_matrix_is_the_specifications(act: Act, role: str, allowed: bool) -> None:
    assert roles.allows([role], act) is allowed


def test_every_row_of_the_matrix_is_tested() -> None:
    assert set(TABLE) == set(Act) == set(roles.MATRIX)


@pytest.mark.django_db
def test_the_roles_are_groups() -> None:
    assert set(Group.objects.values_list("name", flat=True)) >= set(ROLES)


@pytest.mark.django_db
def test_only_active_people_have_roles_and_a_superuser_has_none_by_that() -> None:
    users: Any = get_user_model().objects
    make_person("bob", "risk", "security")
    users.create_superuser(username="root", password=None)
    assert queries.roles_of("bob") == {"risk", "security"}
    assert queries.may("bob", Act.VOTE)
    assert not queries.may("root", Act.READ)
    assert not queries.may("nobody", Act.READ)
    users.filter(username="bob").update(is_active=False)
    assert not queries.may("bob", Act.VOTE)


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "allowed"), [(role, allowed) for act, role, allowed in CELLS if act is Act.ENGAGE])
def test_engaging_asks_the_matrix_and_a_refusal_is_evidence(role: str, allowed: bool) -> None:
    person, scope = make_person("pat", role), Scope("SYMBOL", "XAUUSD.s")
    if allowed:
        assert killswitch.engage(scope=scope, reason="drill", actor=person, at=NOON).is_new
        return
    with pytest.raises(NotPermitted):
        killswitch.engage(scope=scope, reason="drill", actor=person, at=NOON)
    assert queries.kill_switch(scope) is None
    assert KillSwitchEvent.objects.get().action == "DENIED"
    assert AuditEvent.objects.get(action="approvals.halt.denied").actor == "pat"


@pytest.mark.django_db
@pytest.mark.parametrize("act", [Act.PROPOSE, Act.VOTE])
@pytest.mark.parametrize("role", ROLES)
def test_releasing_asks_the_matrix_twice(act: Act, role: str) -> None:
    scope = Scope("SYMBOL", "XAUUSD.s")
    asker, person = make_person("olga", "operator"), make_person("pat", role)
    killswitch.engage(scope=scope, reason="drill", actor=asker, at=NOON)
    try:
        if act is Act.PROPOSE:
            killswitch.request_release(scope=scope, cause="c", remedy="r", actor=person, at=NOON)
        else:
            asked = killswitch.request_release(scope=scope, cause="c", remedy="r", actor=asker, at=NOON)
            killswitch.confirm_release(release_id=asked.id, actor=person, at=NOON)
    except NotPermitted:
        assert not roles.allows([role], act)
        row = queries.kill_switch(scope)
        assert row is not None
        assert row.state == "ENGAGED"
        assert queries.halt_events(scope).first().action == "DENIED"  # type: ignore[union-attr]  # there is one
    else:
        assert roles.allows([role], act)
