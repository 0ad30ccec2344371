-- H-4: what happened to a kill switch stays.
CREATE FUNCTION approvals.halt_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a halt event is never changed' USING ERRCODE = 'CR003';
END $$;
CREATE TRIGGER halt_events_append_only BEFORE UPDATE OR DELETE ON public.approvals_killswitchevent
    FOR EACH ROW EXECUTE FUNCTION approvals.halt_events_append_only();
REVOKE ALL ON public.approvals_killswitchevent FROM crs_app;
GRANT SELECT ON public.approvals_killswitchevent TO crs_app;
REVOKE ALL ON SEQUENCE public.approvals_killswitchevent_id_seq FROM crs_app;
