-- What the legs of one INSERT must be, whoever inserts: the trigger looks at its own transition table and never joins back to
-- posting (that plan reads the table: half the speed).
--   L-1  every journal balances in every asset, each INSERT by itself; NaN sums to NaN, which is not zero either
--   L-2  an INSERT brings all legs of its journals, numbered from 1: a later pair, balanced or not, comes too late
--   L-6  legs, journal and accounts agree on desk, book and occurred_at; nothing stands in another book
--   L-7  the journal leaves its event in the evidence, with bytes built from the rows
--   L-9  a journal is recorded when it is written, by the database's clock: neither before its transaction nor ahead of time
--   L-19 a journal happened at a moment that every reader can print: from 1970 to 2199, so neither infinity nor BC
-- One pass in plain variables for the usual INSERT, all legs of one journal, because setting a query up is what costs here; a
-- batch is judged by sets. Both only ask whether all is well: ledger.journal_refused() finds out what is not.
CREATE OR REPLACE FUNCTION ledger.journal_stands() RETURNS trigger LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    journal public.ledger_journal;
    of bigint; leg smallint; account bigint; asset int; units numeric; at timestamptz; desk bigint; book text;
    low bigint; high bigint;
    number int := 0;
    first_asset int;
    is_mixed boolean := false;
    total numeric := 0;
    legs text;
BEGIN
    FOR of, leg, account, asset, units, at, desk, book IN
        SELECT posted.journal_id, posted.leg, posted.account_id, posted.asset_id, posted.units, posted.occurred_at,
               ledger_account.desk_id, ledger_account.book
        FROM posted
        -- OFFSET 0 keeps it a lookup by key: the planner knows nothing of a transition table.
        LEFT JOIN LATERAL (SELECT row.desk_id, row.book FROM public.ledger_ledgeraccount AS row
                           WHERE row.id = posted.account_id OFFSET 0) AS ledger_account ON true
    LOOP
        IF number = 0 THEN
            first_asset := asset;
            SELECT row.* INTO journal FROM public.ledger_journal AS row
            JOIN public.approvals_account AS venue_account
                ON venue_account.id = row.account_id AND venue_account.desk_id = row.desk_id AND venue_account.book = row.book
            WHERE row.id = of;
        ELSIF of <> journal.id THEN
            number := -1;
            EXIT;
        END IF;
        number := number + 1;
        IF (leg = number AND desk = journal.desk_id AND book = journal.book AND at = journal.occurred_at) IS NOT TRUE THEN
            PERFORM ledger.journal_refused(of);
        END IF;
        is_mixed := is_mixed OR asset <> first_asset;
        total := total + units;
        legs := concat_ws(',', legs, concat('[', account, ',', asset, ',"', units, '"]'));
    END LOOP;

    IF number > 0 THEN
        IF is_mixed THEN
            PERFORM FROM posted GROUP BY asset_id HAVING sum(posted.units) <> 0;
            is_mixed := FOUND;
        END IF;
        IF is_mixed OR total <> 0 OR number <> journal.legs OR number < 2 OR journal.key = ''
            OR journal.kind <> ALL ('{TRADE,COMMISSION,SWAP_FEE,TRANSFER,FUNDING,ADJUSTMENT,REVERSAL}')
            OR (journal.kind = 'REVERSAL') <> (journal.reverses_id IS NOT NULL)
            OR split_part(journal.actor, ':', 1) <> ALL ('{person,key,machine,role}')
            OR journal.recorded_at < now() OR journal.recorded_at > clock_timestamp()
            OR journal.occurred_at < '1970-01-01Z' OR journal.occurred_at >= '2200-01-01Z' THEN
            PERFORM ledger.journal_refused(journal.id);
        END IF;
        INSERT INTO public.approvals_auditevent
            (at, recorded_at, role, actor_kind, actor, action, subject_kind, subject_id, desk_id, body)
        VALUES (journal.occurred_at, journal.recorded_at, session_user, split_part(journal.actor, ':', 1),
                substr(journal.actor, strpos(journal.actor, ':') + 1), 'ledger.journal.posted', 'ledger.journal',
                journal.id, journal.desk_id, ledger.journal_body(journal, legs));
    ELSIF number < 0 THEN
        PERFORM ledger.journal_refused(unbalanced.journal_id)
        FROM (SELECT posted.journal_id FROM posted
              GROUP BY posted.journal_id, posted.asset_id HAVING sum(posted.units) <> 0 LIMIT 1) AS unbalanced;
        SELECT min(posted.journal_id), max(posted.journal_id) INTO low, high FROM posted;
        INSERT INTO public.approvals_auditevent
            (at, recorded_at, role, actor_kind, actor, action, subject_kind, subject_id, desk_id, body)
        SELECT row.occurred_at, row.recorded_at, session_user, split_part(row.actor, ':', 1),
               substr(row.actor, strpos(row.actor, ':') + 1), 'ledger.journal.posted', 'ledger.journal', row.id,
               row.desk_id,
               CASE WHEN batch.known = row.legs AND batch.first_leg = 1 AND batch.last_leg = row.legs
                         AND batch.legs_here = row.legs AND row.legs >= 2 AND row.key <> ''
                         AND batch.desk = row.desk_id AND batch.last_desk = row.desk_id
                         AND batch.book = row.book AND batch.last_book = row.book
                         AND batch.at = row.occurred_at AND batch.last_at = row.occurred_at
                         AND row.kind = ANY ('{TRADE,COMMISSION,SWAP_FEE,TRANSFER,FUNDING,ADJUSTMENT,REVERSAL}')
                         AND (row.kind = 'REVERSAL') = (row.reverses_id IS NOT NULL)
                         AND split_part(row.actor, ':', 1) = ANY ('{person,key,machine,role}')
                         AND row.recorded_at BETWEEN now() AND clock_timestamp()
                         AND row.occurred_at >= '1970-01-01Z' AND row.occurred_at < '2200-01-01Z'
                         AND EXISTS (SELECT FROM public.approvals_account AS venue_account
                                     WHERE venue_account.id = row.account_id AND venue_account.desk_id = row.desk_id
                                       AND venue_account.book = row.book)
                    THEN ledger.journal_body(row, batch.legs)
                    ELSE ledger.journal_refused(batch.journal_id) END
        FROM (SELECT posted.journal_id, count(*) AS legs_here, count(ledger_account.id) AS known,
                     min(posted.leg) AS first_leg, max(posted.leg) AS last_leg,
                     min(ledger_account.desk_id) AS desk, max(ledger_account.desk_id) AS last_desk,
                     min(ledger_account.book) AS book, max(ledger_account.book) AS last_book,
                     min(posted.occurred_at) AS at, max(posted.occurred_at) AS last_at,
                     string_agg(concat('[', posted.account_id, ',', posted.asset_id, ',"', posted.units, '"]'), ','
                                ORDER BY posted.leg) AS legs
              FROM posted LEFT JOIN public.ledger_ledgeraccount AS ledger_account
                  ON ledger_account.id = posted.account_id
              GROUP BY posted.journal_id) AS batch
        -- A batch's journals stand side by side: one walk over their part of the index, whatever else the table holds.
        LEFT JOIN (SELECT * FROM public.ledger_journal AS journal WHERE journal.id BETWEEN low AND high) AS row
            ON row.id = batch.journal_id
        ORDER BY batch.journal_id;
    END IF;
    RETURN NULL;
END $$;
