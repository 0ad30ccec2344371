-- L-6: a leg stands in its journal's book and on its journal's desk, and repeats its occurred_at; a leg beyond the journal's
-- number comes too late (L-2). A journal and a ledger account agree with their Account by composite foreign keys.
-- OFFSET 0 keeps each parent a lookup by key: the planner knows nothing of a transition table and would read all journals.
CREATE FUNCTION ledger.book_match() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fault record;
BEGIN
    SELECT leg.journal_id, leg.leg, leg.account_id, leg.asset_id, leg.occurred_at,
           journal.id IS NOT NULL AS has_journal, journal.legs, journal.occurred_at AS journal_at,
           journal.desk_id = account.desk_id AS same_desk, journal.book = account.book AS same_book,
           asset.id IS NOT NULL AS has_asset INTO fault
    FROM posted AS leg
    LEFT JOIN LATERAL (SELECT * FROM public.ledger_journal AS row WHERE row.id = leg.journal_id OFFSET 0) AS journal ON true
    LEFT JOIN LATERAL (SELECT * FROM public.ledger_ledgeraccount AS row WHERE row.id = leg.account_id OFFSET 0) AS account
        ON true
    LEFT JOIN LATERAL (SELECT * FROM public.ledger_asset AS row WHERE row.id = leg.asset_id OFFSET 0) AS asset ON true
    WHERE (journal.desk_id = account.desk_id AND journal.book = account.book AND leg.leg <= journal.legs
           AND leg.occurred_at = journal.occurred_at AND asset.id IS NOT NULL) IS NOT TRUE
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    CASE
    WHEN NOT fault.has_journal THEN
        RAISE EXCEPTION 'a posting belongs to a journal' USING ERRCODE = 'CR002';
    WHEN fault.leg > fault.legs THEN
        RAISE EXCEPTION 'the journal has % legs and is closed', fault.legs USING ERRCODE = 'CR002',
            DETAIL = json_build_object('journal', fault.journal_id, 'legs', fault.legs);
    WHEN fault.same_book IS NOT TRUE THEN
        RAISE EXCEPTION 'there is no ledger account % in this book', fault.account_id USING ERRCODE = 'CR005',
            DETAIL = json_build_object('account', fault.account_id, 'leg', fault.leg);
    WHEN NOT fault.same_desk THEN
        RAISE EXCEPTION 'ledger account % belongs to another desk', fault.account_id USING ERRCODE = 'CR006',
            DETAIL = json_build_object('account', fault.account_id, 'leg', fault.leg);
    WHEN NOT fault.has_asset THEN
        RAISE EXCEPTION 'there is no asset %', fault.asset_id USING ERRCODE = 'CR010',
            DETAIL = json_build_object('asset', fault.asset_id, 'leg', fault.leg);
    ELSE
        RAISE EXCEPTION 'a posting occurred when its journal did' USING ERRCODE = 'CR002';
    END CASE;
END $$;
CREATE TRIGGER book_match AFTER INSERT ON public.ledger_posting
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger.book_match();

ALTER TABLE public.ledger_ledgeraccount ADD CONSTRAINT ledgeraccount_account_desk_book
    FOREIGN KEY (account_id, desk_id, book) REFERENCES public.approvals_account (id, desk_id, book);
ALTER TABLE public.ledger_journal ADD CONSTRAINT journal_account_desk_book
    FOREIGN KEY (account_id, desk_id, book) REFERENCES public.approvals_account (id, desk_id, book);
