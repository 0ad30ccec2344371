-- L-10: a ledger account and an asset never become another one and are never deleted: postings refer to them for ever.
CREATE FUNCTION ledger.account_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % is never changed', TG_TABLE_NAME USING ERRCODE = 'CR003';
END $$;
CREATE TRIGGER account_fixed BEFORE UPDATE OR DELETE ON public.ledger_ledgeraccount
    FOR EACH ROW EXECUTE FUNCTION ledger.account_fixed();
CREATE TRIGGER asset_fixed BEFORE UPDATE OR DELETE ON public.ledger_asset
    FOR EACH ROW EXECUTE FUNCTION ledger.account_fixed();
