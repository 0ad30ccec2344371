-- L-3: a posting and its journal are never changed. Corrections are reversals. TRUNCATE is no right of the application role.
CREATE FUNCTION ledger.posting_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a % is never changed', substr(TG_TABLE_NAME, 8) USING ERRCODE = 'CR003';
END $$;
CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE ON public.ledger_posting
    FOR EACH ROW EXECUTE FUNCTION ledger.posting_append_only();
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON public.ledger_journal
    FOR EACH ROW EXECUTE FUNCTION ledger.posting_append_only();
