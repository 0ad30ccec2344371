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
