-- L-2: a journal has exactly the legs it says, two at least. L-7: it leaves its event and leaf in the evidence. Deferred to the
-- end of the transaction, because a journal comes before its legs; ledger.post() fires it at once. Whoever inserts by hand
-- leaves the same event. The bytes are built here, in the form of crs/kernel/evidence.py, from what stands in the rows.
CREATE FUNCTION ledger.journal_closed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    legs record;
BEGIN
    SELECT count(*) AS number,
           string_agg('[' || posting.account_id || ',' || posting.asset_id || ',"' || posting.units || '"]', ','
                      ORDER BY posting.leg) AS text
    INTO legs FROM public.ledger_posting AS posting WHERE posting.journal_id = NEW.id;
    IF legs.number <> NEW.legs THEN
        RAISE EXCEPTION 'the journal says % legs and has %', NEW.legs, legs.number USING ERRCODE = 'CR002',
            DETAIL = json_build_object('journal', NEW.id, 'legs', NEW.legs, 'postings', legs.number);
    END IF;
    INSERT INTO public.approvals_auditevent
        (at, recorded_at, role, actor_kind, actor, action, subject_kind, subject_id, desk_id, body)
    VALUES (NEW.occurred_at, NEW.recorded_at, session_user, split_part(NEW.actor, ':', 1),
            substr(NEW.actor, strpos(NEW.actor, ':') + 1), 'ledger.journal.posted', 'ledger.journal', NEW.id, NEW.desk_id,
            ledger.journal_body(NEW, legs.text));
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_closed AFTER INSERT ON public.ledger_journal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger.journal_closed();
