-- L-5: a balance is the sum of its postings. The postings move it themselves, one row per (account, asset), made on first use
-- and locked in that order, so that two journals on the same accounts wait for each other and never for ever. A row's first
-- use is also where an unknown asset is found: the foreign key costs nothing afterwards. Named to fire after journal_stands,
-- so that the locks on hot rows are held as short as can be.
CREATE FUNCTION ledger.posting_moves_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.ledger_balance AS balance (account_id, asset_id, units)
    SELECT account_id, asset_id, sum(units) FROM posted GROUP BY account_id, asset_id ORDER BY account_id, asset_id
    ON CONFLICT (account_id, asset_id) DO UPDATE SET units = balance.units + excluded.units;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_moves_balance AFTER INSERT ON public.ledger_posting
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger.posting_moves_balance();

ALTER TABLE public.ledger_balance
    ADD CONSTRAINT balance_asset FOREIGN KEY (asset_id) REFERENCES public.ledger_asset (id),
    -- Room on the page for the next version of a hot row: its index is then left alone.
    SET (fillfactor = 50);
