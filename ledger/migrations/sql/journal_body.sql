-- L-7: the canonical bytes of a journal, keys sorted by hand, units as text, times in UTC; frozen by golden vectors. One
-- concat() instead of many ||: setting an expression up costs more than running it.
CREATE FUNCTION ledger.journal_body(journal public.ledger_journal, legs text) RETURNS bytea LANGUAGE sql STABLE
RETURN convert_to(concat(
    '{"account":', journal.account_id, ',"action":"ledger.journal.posted","actor":', to_json(journal.actor),
    ',"book":"', journal.book, '","desk":', journal.desk_id, ',"journal":', journal.id, ',"key":', to_json(journal.key),
    ',"kind":"', journal.kind, '","legs":[', legs, '],"memo":', to_json(journal.memo),
    ',"occurred_at":"', to_char(journal.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    '","recorded_at":"', to_char(journal.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    '","reverses":', coalesce(journal.reverses_id::text, 'null'), ',"role":', to_json(session_user), ',"v":1}'), 'UTF8');
