-- L-9: when a journal was recorded is the database's own word. A journal by hand is its role's.
CREATE FUNCTION ledger.journal_recorded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.recorded_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER journal_recorded BEFORE INSERT ON public.ledger_journal
    FOR EACH ROW EXECUTE FUNCTION ledger.journal_recorded();
ALTER TABLE public.ledger_journal ALTER actor SET DEFAULT 'role:' || session_user, ALTER memo SET DEFAULT '',
    ALTER digest SET DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000',
    ADD CONSTRAINT journal_actor_format CHECK (actor ~ '^(person|key|machine|role):.');
