-- D-1: a desk, a venue or an account never becomes another one. Rows of the book refer to them for ever; what may change is
-- a name, a margin mode that the venue changed, a time zone, and the day an account was closed.
CREATE FUNCTION approvals.desk_identity_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION '% rows are closed, never deleted', TG_TABLE_NAME USING ERRCODE = 'CR003';
    END IF;
    RAISE EXCEPTION 'the identity of a % row never changes', TG_TABLE_NAME USING ERRCODE = 'CR003';
END $$;

CREATE TRIGGER desk_identity_fixed BEFORE UPDATE ON public.approvals_desk FOR EACH ROW
    WHEN ((OLD.id, OLD.code, OLD.base_currency) IS DISTINCT FROM (NEW.id, NEW.code, NEW.base_currency))
    EXECUTE FUNCTION approvals.desk_identity_fixed();
CREATE TRIGGER venue_identity_fixed BEFORE UPDATE ON public.approvals_venue FOR EACH ROW
    WHEN ((OLD.id, OLD.code, OLD.kind) IS DISTINCT FROM (NEW.id, NEW.code, NEW.kind))
    EXECUTE FUNCTION approvals.desk_identity_fixed();
CREATE TRIGGER account_identity_fixed BEFORE UPDATE ON public.approvals_account FOR EACH ROW
    WHEN ((OLD.id, OLD.desk_id, OLD.venue_id, OLD.code, OLD.book, OLD.login, OLD.server, OLD.currency)
          IS DISTINCT FROM (NEW.id, NEW.desk_id, NEW.venue_id, NEW.code, NEW.book, NEW.login, NEW.server, NEW.currency))
    EXECUTE FUNCTION approvals.desk_identity_fixed();

CREATE TRIGGER desk_never_deleted BEFORE DELETE ON public.approvals_desk FOR EACH ROW
    EXECUTE FUNCTION approvals.desk_identity_fixed();
CREATE TRIGGER venue_never_deleted BEFORE DELETE ON public.approvals_venue FOR EACH ROW
    EXECUTE FUNCTION approvals.desk_identity_fixed();
CREATE TRIGGER account_never_deleted BEFORE DELETE ON public.approvals_account FOR EACH ROW
    EXECUTE FUNCTION approvals.desk_identity_fixed();
REVOKE DELETE ON public.approvals_desk, public.approvals_venue, public.approvals_account FROM crs_app;
