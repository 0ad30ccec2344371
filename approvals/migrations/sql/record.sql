-- The application's only way into the evidence. It brings what it knows; bytes, leaf, recorded_at and role are ours. A
-- role never speaks through here: the kind "role" stands for inserts by hand.
CREATE OR REPLACE FUNCTION approvals.record(
    action text, actor_kind text, actor text, subject_kind text, subject_id text, at timestamptz,
    desk bigint DEFAULT NULL, reason text DEFAULT '', request_id text DEFAULT '',
    before jsonb DEFAULT NULL, after jsonb DEFAULT NULL, facts jsonb DEFAULT NULL, ip inet DEFAULT NULL,
    login text DEFAULT '', OUT id bigint)
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    IF record.actor_kind NOT IN ('person', 'key', 'machine') THEN
        RAISE EXCEPTION 'an event is told by a person, a key or a machine' USING ERRCODE = 'CR009';
    END IF;
    IF record.action = 'ledger.journal.posted' THEN
        RAISE EXCEPTION 'a journal tells of itself, once' USING ERRCODE = 'CR009';
    END IF;
    INSERT INTO public.approvals_auditevent AS event
        (action, actor_kind, actor, subject_kind, subject_id, at, desk_id, reason, request_id, before, after, facts, ip,
         login)
    VALUES (record.action, record.actor_kind, record.actor, record.subject_kind, record.subject_id, record.at,
            record.desk, record.reason, record.request_id, record.before, record.after, record.facts, record.ip,
            record.login)
    RETURNING event.id INTO record.id;
END $$;
GRANT EXECUTE ON FUNCTION approvals.record TO crs_app;
