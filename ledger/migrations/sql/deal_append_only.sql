-- L-11: a booked deal is never changed: it is the book's side of every later reconciliation.
CREATE FUNCTION ledger.deal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a booked deal is never changed' USING ERRCODE = 'CR003';
END $$;
CREATE TRIGGER deal_append_only BEFORE UPDATE OR DELETE ON public.ledger_deal
    FOR EACH ROW EXECUTE FUNCTION ledger.deal_append_only();
REVOKE UPDATE, DELETE ON public.ledger_deal FROM crs_app;
