-- H-2, H-3: a kill switch changes its state only with the epoch just taken, keeps its scope, is raised from KEEP to CLOSE and
-- never lowered while engaged, and is never deleted. Every change is told to whoever listens.
CREATE FUNCTION approvals.halt_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a kill switch is released, never deleted' USING ERRCODE = 'CR102';
    END IF;
    IF TG_OP = 'INSERT' OR NEW.state <> OLD.state THEN
        IF NEW.epoch IS DISTINCT FROM (SELECT epoch FROM public.approvals_haltepoch WHERE id = 1) THEN
            RAISE EXCEPTION 'a change of state takes the next epoch' USING ERRCODE = 'CR102';
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.scope_type, lower(NEW.scope_id)) IS DISTINCT FROM (OLD.id, OLD.scope_type, lower(OLD.scope_id))
           OR NEW.epoch < OLD.epoch OR (NEW.state <> OLD.state AND NEW.epoch = OLD.epoch)
           OR (NEW.state = OLD.state AND NEW.epoch <> OLD.epoch) THEN
            RAISE EXCEPTION 'a kill switch keeps its scope, and its epoch while its state stays' USING ERRCODE = 'CR102';
        END IF;
        IF OLD.state = 'ENGAGED' AND NEW.state = 'ENGAGED' AND OLD.positions = 'CLOSE' AND NEW.positions <> 'CLOSE' THEN
            RAISE EXCEPTION 'CLOSE is never lowered to KEEP' USING ERRCODE = 'CR102';
        END IF;
    END IF;
    PERFORM pg_notify('crs_halts', NEW.epoch::text);
    RETURN NEW;
END $$;
CREATE TRIGGER halt_moves BEFORE INSERT OR UPDATE OR DELETE ON public.approvals_killswitch
    FOR EACH ROW EXECUTE FUNCTION approvals.halt_moves();
REVOKE ALL ON public.approvals_killswitch FROM crs_app;
GRANT SELECT ON public.approvals_killswitch TO crs_app;
REVOKE ALL ON SEQUENCE public.approvals_killswitch_id_seq FROM crs_app;

CREATE FUNCTION approvals.mode_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('crs_halts', 'mode');
    RETURN NULL;
END $$;
CREATE TRIGGER mode_told AFTER INSERT OR UPDATE OR DELETE ON public.approvals_mode
    FOR EACH ROW EXECUTE FUNCTION approvals.mode_told();
