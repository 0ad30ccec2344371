-- H-1: the epoch is one counter of the installation and only grows.
INSERT INTO public.approvals_haltepoch (id, epoch) VALUES (1, 0) ON CONFLICT DO NOTHING;
CREATE FUNCTION approvals.halt_epoch_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.epoch > OLD.epoch AND NEW.id = OLD.id THEN RETURN NEW; END IF;
    END IF;
    RAISE EXCEPTION 'the epoch only grows' USING ERRCODE = 'CR101';
END $$;
CREATE TRIGGER halt_epoch_grows BEFORE UPDATE OR DELETE ON public.approvals_haltepoch
    FOR EACH ROW EXECUTE FUNCTION approvals.halt_epoch_grows();
REVOKE ALL ON public.approvals_haltepoch FROM crs_app;
GRANT SELECT ON public.approvals_haltepoch TO crs_app;
