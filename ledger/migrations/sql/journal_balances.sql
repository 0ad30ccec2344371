-- L-1: every journal balances in every asset. Each INSERT balances by itself: the trigger sums its own transition table and
-- never joins back to posting (that plan reads the table: half the speed). NaN sums to NaN, which is not zero either.
CREATE FUNCTION ledger.journal_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fault record;
BEGIN
    SELECT journal_id, asset_id, sum(units) AS units INTO fault
    FROM posted GROUP BY journal_id, asset_id HAVING sum(units) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the legs in asset % sum to % base units', fault.asset_id, fault.units USING ERRCODE = 'CR001',
            DETAIL = json_build_object('asset', fault.asset_id, 'sum', fault.units::text);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER journal_balances AFTER INSERT ON public.ledger_posting
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger.journal_balances();
