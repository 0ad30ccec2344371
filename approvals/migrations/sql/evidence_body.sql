-- E-2: the canonical bytes of an event that brings none, built from its row. E-5: it happened at a moment that has bytes.
CREATE OR REPLACE FUNCTION approvals.evidence_body() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.actor_kind <> ALL ('{person,key,machine,role}') OR NEW.action !~ '^[a-z_]+(\.[a-z_]+){2}$' THEN
        RAISE EXCEPTION 'an event has a kind of actor and a dotted action' USING ERRCODE = 'CR009';
    END IF;
    -- Bytes are built from the moment's text, which is empty for infinity and leaves BC out.
    IF NEW.at < '1970-01-01Z' OR NEW.at >= '2200-01-01Z' THEN
        RAISE EXCEPTION 'an event happened between 1970 and 2199' USING ERRCODE = 'CR009';
    END IF;
    NEW.recorded_at := clock_timestamp();
    NEW.role := session_user;
    NEW.body := convert_to(
        '{"action":' || to_json(NEW.action::text)::text
        || ',"actor":' || to_json(NEW.actor::text)::text
        || ',"actor_kind":' || to_json(NEW.actor_kind::text)::text
        || ',"after":' || coalesce(approvals.canonical(NEW.after), 'null')
        || ',"at":"' || approvals.instant(NEW.at)
        || '","before":' || coalesce(approvals.canonical(NEW.before), 'null')
        || ',"desk":' || coalesce(NEW.desk_id::text, 'null')
        || ',"facts":' || coalesce(approvals.canonical(NEW.facts), 'null')
        || ',"ip":' || coalesce('"' || host(NEW.ip) || '"', 'null')
        || ',"login":' || to_json(NEW.login::text)::text
        || ',"reason":' || to_json(NEW.reason)::text
        || ',"recorded_at":"' || approvals.instant(NEW.recorded_at)
        || '","request_id":' || to_json(NEW.request_id::text)::text
        || ',"role":' || to_json(NEW.role::text)::text
        || ',"subject_id":' || to_json(NEW.subject_id::text)::text
        || ',"subject_kind":' || to_json(NEW.subject_kind::text)::text
        || ',"v":1}', 'UTF8');
    RETURN NEW;
END $$;
