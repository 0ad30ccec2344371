-- L-2: no journal without its legs; those that came were all of them (journal_stands). L-8: a reversal undoes its journal leg by
-- leg, in the same book, on the same desk and venue account; each journal once (UNIQUE journal_reversed_once). Deferred to the
-- end of the transaction, because by hand a journal comes before its legs.
CREATE FUNCTION ledger.journal_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM public.ledger_posting AS posting WHERE posting.journal_id = NEW.id AND posting.leg = 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a journal has its legs' USING ERRCODE = 'CR002',
            DETAIL = json_build_object('journal', NEW.id, 'legs', NEW.legs, 'postings', 0);
    END IF;
    IF NEW.reverses_id IS NOT NULL THEN
        PERFORM FROM public.ledger_journal AS journal
        WHERE journal.id = NEW.reverses_id AND journal.book = NEW.book AND journal.desk_id = NEW.desk_id
          AND journal.account_id = NEW.account_id AND journal.legs = NEW.legs AND journal.kind <> 'REVERSAL'
          AND NOT EXISTS (SELECT FROM public.ledger_posting AS undo
                          LEFT JOIN public.ledger_posting AS done ON done.journal_id = NEW.reverses_id AND done.leg = undo.leg
                          WHERE undo.journal_id = NEW.id AND (done.account_id, done.asset_id, done.units)
                                IS DISTINCT FROM (undo.account_id, undo.asset_id, -undo.units));
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a reversal undoes its journal leg by leg, where that stands' USING ERRCODE = 'CR007',
                DETAIL = json_build_object('journal', NEW.reverses_id);
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_closed AFTER INSERT ON public.ledger_journal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger.journal_closed();
