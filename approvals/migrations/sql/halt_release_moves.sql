-- H-5: a release is confirmed or void once, and never rewritten; the application writes it through the functions of
-- release.sql alone.
REVOKE ALL ON public.approvals_haltrelease FROM crs_app;
GRANT SELECT ON public.approvals_haltrelease TO crs_app;
REVOKE ALL ON SEQUENCE public.approvals_haltrelease_id_seq FROM crs_app;

CREATE FUNCTION approvals.halt_release_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.state = 'OPEN' AND (NEW.id, NEW.kill_switch_id, NEW.epoch, NEW.requested_by, NEW.requested_at, NEW.cause, NEW.remedy)
               IS NOT DISTINCT FROM
               (OLD.id, OLD.kill_switch_id, OLD.epoch, OLD.requested_by, OLD.requested_at, OLD.cause, OLD.remedy) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a release is confirmed or void once, and never rewritten' USING ERRCODE = 'CR102';
END $$;
CREATE TRIGGER halt_release_moves BEFORE UPDATE OR DELETE ON public.approvals_haltrelease
    FOR EACH ROW EXECUTE FUNCTION approvals.halt_release_moves();
