-- L-5: nobody writes a balance but the trigger of posting_moves_balance. A statement that no trigger makes has depth 0; asked in WHEN,
-- so that the honest way pays no call.
CREATE FUNCTION ledger.balance_guarded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a balance is moved by its postings alone' USING ERRCODE = 'CR008';
END $$;
CREATE TRIGGER balance_guarded BEFORE INSERT OR UPDATE OR DELETE ON public.ledger_balance FOR EACH STATEMENT
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger.balance_guarded();
