-- L-12: a NAV mark is never changed: what was shown, and halted by, can be computed again from it.
CREATE FUNCTION ledger.navmark_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a NAV mark is never changed' USING ERRCODE = 'CR003';
END $$;
CREATE TRIGGER navmark_append_only BEFORE UPDATE OR DELETE ON public.ledger_navmark
    FOR EACH ROW EXECUTE FUNCTION ledger.navmark_append_only();
REVOKE UPDATE, DELETE ON public.ledger_navmark FROM crs_app;
