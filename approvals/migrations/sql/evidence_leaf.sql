-- E-2: every event holds its canonical bytes and their leaf, whoever inserts it. The form is that of crs/kernel/evidence.py
-- (JSON, keys sorted, no blanks, UTF-8, no floats, UTC microseconds, "v":1), frozen by golden vectors on both sides.

-- A moment as it stands in canonical bytes: never in the connection's time zone or style.
CREATE FUNCTION approvals.instant(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE  -- as to_char() is: it can be inlined then
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- A document in canonical form. jsonb::text is none: it sorts keys by length and puts blanks after colons and commas.
CREATE FUNCTION approvals.canonical(document jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    CASE jsonb_typeof(document)
    WHEN 'object' THEN
        RETURN '{' || coalesce((SELECT string_agg(to_json(key)::text || ':' || approvals.canonical(value), ','
                                                  ORDER BY key COLLATE "C")
                                FROM jsonb_each(document)), '') || '}';
    WHEN 'array' THEN
        RETURN '[' || coalesce((SELECT string_agg(approvals.canonical(value), ',' ORDER BY position)
                                FROM jsonb_array_elements(document) WITH ORDINALITY AS item (value, position)), '') || ']';
    WHEN 'number' THEN
        IF document::text !~ '^-?[0-9]+$' THEN
            RAISE EXCEPTION '% has no canonical form: write it as text', document USING ERRCODE = 'CR009';
        END IF;
        RETURN document::text;
    ELSE
        RETURN document::text;
    END CASE;
END $$;

CREATE FUNCTION approvals.evidence_body() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.actor_kind <> ALL ('{person,key,machine,role}') OR NEW.action !~ '^[a-z_]+(\.[a-z_]+){2}$' THEN
        RAISE EXCEPTION 'an event has a kind of actor and a dotted action' USING ERRCODE = 'CR009';
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
-- Whoever tells about rows of his own (a journal) brings the bytes that he built from them.
CREATE TRIGGER evidence_body BEFORE INSERT ON public.approvals_auditevent
    FOR EACH ROW WHEN (NEW.body IS NULL) EXECUTE FUNCTION approvals.evidence_body();

-- The leaf is no value that anybody gives: RFC 6962, 0x00 before the leaf's bytes.
ALTER TABLE public.approvals_auditevent DROP COLUMN leaf,
    ADD COLUMN leaf bytea GENERATED ALWAYS AS (sha256('\x00'::bytea || body)) STORED;

-- An insert by hand is told by its login.
ALTER TABLE public.approvals_auditevent
    ALTER actor_kind SET DEFAULT 'role', ALTER actor SET DEFAULT session_user, ALTER at SET DEFAULT clock_timestamp(),
    ALTER reason SET DEFAULT '', ALTER request_id SET DEFAULT '', ALTER login SET DEFAULT '';
