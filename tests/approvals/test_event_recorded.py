"""Is the event of a journal found by the moment that both carry, without an index and without reading the evidence?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import queries
from approvals.models import AuditEvent
from approvals.operations import killswitch
from approvals.rules.scope import Scope
from crs.kernel import clock
from crs.kernel.actor import machine
from ledger.models import Journal
from ledger.operations import posting
from ledger.queries import evidence_of
from tests.support.cast import ALICE
from tests.support.factories import make_chart, make_entry

pytestmark = pytest.mark.django_db


def test_every_journal_leads_to_its_own_event_posted_alone_or_in_a_batch() -> None:
    chart = make_chart()
    legs = [(chart.venue, "USD", 5), (chart.external, "USD", -5)]
    for number in range(6):
        posting.post(make_entry(chart, legs), actor=ALICE)
        scope = Scope("SYMBOL", f"X{number}")
        killswitch.engage(scope=scope, reason="between", actor=machine("test"), at=clock.now())
    posting.post_many([make_entry(chart, legs) for _ in range(20)], actor=ALICE)
    posting.post(make_entry(chart, legs), actor=ALICE)
    journals = Journal.objects.all()
    assert len(journals) == 27
    for journal in journals:
        event = AuditEvent.objects.get(subject_kind="ledger.journal", subject_id=journal.pk)
        assert evidence_of(journal) == event.pk


def test_no_event_is_found_at_another_moment_or_in_no_evidence() -> None:
    chart = make_chart()
    posting.post(make_entry(chart, [(chart.venue, "USD", 5), (chart.external, "USD", -5)]), actor=ALICE)
    journal = Journal.objects.get()
    for other in (timedelta(microseconds=1), -timedelta(days=9), timedelta(days=9)):
        at = journal.recorded_at + other
        assert queries.event_recorded("ledger.journal", journal.pk, recorded_at=at) is None
    assert queries.event_recorded("ledger.journal", journal.pk + 1, recorded_at=journal.recorded_at) is None


def test_the_evidence_is_walked_by_its_key() -> None:
    chart = make_chart()
    posting.post(make_entry(chart, [(chart.venue, "USD", 5), (chart.external, "USD", -5)]), actor=ALICE)
    journal = Journal.objects.get()
    with CaptureQueriesContext(connection) as asked:
        evidence_of(journal)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {asked[0]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on approvals_auditevent" not in plan
