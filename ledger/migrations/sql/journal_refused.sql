-- Why does a journal not stand? Asked only when it does not; raises the refusal with its numbers and never returns (its type
-- is that of the bytes in whose place it is asked).
CREATE OR REPLACE FUNCTION ledger.journal_refused(number bigint) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    journal public.ledger_journal;
    fault record;
BEGIN
    SELECT * INTO journal FROM public.ledger_journal AS row WHERE row.id = number;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a posting belongs to a journal' USING ERRCODE = 'CR002';
    END IF;
    PERFORM FROM public.approvals_account AS row
    WHERE row.id = journal.account_id AND row.desk_id = journal.desk_id AND row.book = journal.book;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no venue account % on this desk and in this book', journal.account_id
            USING ERRCODE = 'CR005', DETAIL = json_build_object('venue_account', journal.account_id);
    END IF;
    SELECT posting.leg, posting.account_id, account.desk_id, account.book, posting.occurred_at INTO fault
    FROM public.ledger_posting AS posting LEFT JOIN public.ledger_ledgeraccount AS account ON account.id = posting.account_id
    WHERE posting.journal_id = number AND (account.desk_id = journal.desk_id AND account.book = journal.book) IS NOT TRUE
    ORDER BY posting.leg LIMIT 1;
    IF FOUND AND fault.book IS DISTINCT FROM journal.book THEN
        RAISE EXCEPTION 'there is no ledger account % in this book', fault.account_id USING ERRCODE = 'CR005',
            DETAIL = json_build_object('account', fault.account_id, 'leg', fault.leg);
    ELSIF FOUND THEN
        RAISE EXCEPTION 'ledger account % belongs to another desk', fault.account_id USING ERRCODE = 'CR006',
            DETAIL = json_build_object('account', fault.account_id, 'leg', fault.leg);
    END IF;
    SELECT asset_id, sum(units) AS units INTO fault FROM public.ledger_posting WHERE journal_id = number
    GROUP BY asset_id HAVING sum(units) <> 0 ORDER BY asset_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the legs in asset % sum to % base units', fault.asset_id, fault.units USING ERRCODE = 'CR001',
            DETAIL = json_build_object('asset', fault.asset_id, 'sum', fault.units::text);
    END IF;
    SELECT count(*) AS legs INTO fault FROM public.ledger_posting WHERE journal_id = number;
    IF fault.legs <> journal.legs THEN
        RAISE EXCEPTION 'the journal says % legs and would have %', journal.legs, fault.legs USING ERRCODE = 'CR002',
            DETAIL = json_build_object('journal', number, 'legs', journal.legs, 'postings', fault.legs);
    END IF;
    IF journal.occurred_at < '1970-01-01Z' OR journal.occurred_at >= '2200-01-01Z' THEN
        RAISE EXCEPTION 'a journal happened between 1970 and 2199' USING ERRCODE = 'CR010';
    END IF;
    RAISE EXCEPTION 'this is no journal of ours: legs in order and all at once, a known kind and actor, recorded now'
        USING ERRCODE = 'CR002', DETAIL = json_build_object('journal', number);
END $$;
