-- L-8: a reversal undoes its journal leg by leg, in the same book, on the same desk and venue account; and each journal once
-- (UNIQUE journal_reversed_once). Asked only of reversals, when they are closed.
CREATE FUNCTION ledger.reversal_mirrors() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM FROM public.ledger_journal AS journal
    WHERE journal.id = NEW.reverses_id AND journal.book = NEW.book AND journal.desk_id = NEW.desk_id
      AND journal.account_id = NEW.account_id AND journal.legs = NEW.legs;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a reversal stands where its journal does' USING ERRCODE = 'CR007',
            DETAIL = json_build_object('journal', NEW.reverses_id);
    END IF;
    PERFORM FROM public.ledger_posting AS undo
    LEFT JOIN public.ledger_posting AS done ON done.journal_id = NEW.reverses_id AND done.leg = undo.leg
    WHERE undo.journal_id = NEW.id
      AND (done.account_id, done.asset_id, done.units) IS DISTINCT FROM (undo.account_id, undo.asset_id, -undo.units);
    IF FOUND THEN
        RAISE EXCEPTION 'a reversal undoes its journal leg by leg' USING ERRCODE = 'CR007',
            DETAIL = json_build_object('journal', NEW.reverses_id);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reversal_mirrors AFTER INSERT ON public.ledger_journal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL) EXECUTE FUNCTION ledger.reversal_mirrors();
