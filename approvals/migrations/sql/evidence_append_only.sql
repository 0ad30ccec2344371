-- E-1: what happened stays. TRUNCATE is no right of the application role; the tests' owner needs it to clean up.
CREATE FUNCTION approvals.evidence_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence is never changed' USING ERRCODE = 'CR003';
END $$;
CREATE TRIGGER evidence_append_only BEFORE UPDATE OR DELETE ON public.approvals_auditevent
    FOR EACH ROW EXECUTE FUNCTION approvals.evidence_append_only();
REVOKE ALL ON public.approvals_auditevent FROM crs_app;
GRANT SELECT ON public.approvals_auditevent TO crs_app;
REVOKE ALL ON SEQUENCE public.approvals_auditevent_id_seq FROM crs_app;
