-- L-5: a balance is the sum of its postings. The postings move it themselves, one row per (account, asset), made on first use
-- and locked in that order, so that two journals on the same accounts wait for each other and never for ever.
CREATE FUNCTION ledger.balance_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.ledger_balance AS balance (account_id, asset_id, units)
    SELECT account_id, asset_id, sum(units) FROM posted GROUP BY account_id, asset_id ORDER BY account_id, asset_id
    ON CONFLICT (account_id, asset_id) DO UPDATE SET units = balance.units + excluded.units;
    RETURN NULL;
END $$;
CREATE TRIGGER balance_moves AFTER INSERT ON public.ledger_posting
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger.balance_moves();
-- Room on the page for the next version of a hot row: its index is then left alone.
ALTER TABLE public.ledger_balance SET (fillfactor = 50);
