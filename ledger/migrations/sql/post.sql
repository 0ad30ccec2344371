-- The way into the book: one statement posts one journal, with legs in three arrays. It only inserts; every promise is kept by
-- the triggers, so that it holds for inserts by hand too. The same key and digest again return the first journal, another
-- digest is refused (L-4). The digest covers everything but the actor, with the legs in (account, asset, units) order.
CREATE OR REPLACE FUNCTION ledger.post(
    key text, desk bigint, account bigint, kind text, book text, occurred_at timestamptz, memo text,
    accounts bigint[], assets int[], units numeric[], actor text, reverses bigint DEFAULT NULL,
    OUT id bigint, OUT is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    sorted text;
    digest bytea;
    seen bytea;
BEGIN
    IF split_part(actor, ':', 1) <> ALL ('{person,key,machine}') THEN
        RAISE EXCEPTION 'a journal is posted by a person, a key or a machine' USING ERRCODE = 'CR012';
    END IF;
    -- The column would round what is no whole number, before any guard of the rows could see it.
    IF units::numeric(78, 0)[] IS DISTINCT FROM units THEN
        RAISE EXCEPTION 'base units are whole numbers' USING ERRCODE = 'CR011';
    END IF;
    IF cardinality(units) > 2 THEN
        SELECT string_agg(concat_ws(' ', leg.a, leg.s, leg.u), ',' ORDER BY leg.a, leg.s, leg.u) INTO sorted
        FROM unnest(accounts, assets, units) AS leg (a, s, u);
    ELSIF (accounts[1], assets[1], units[1]) <= (accounts[2], assets[2], units[2]) THEN  -- two legs need no query
        sorted := concat(accounts[1], ' ', assets[1], ' ', units[1], ',', accounts[2], ' ', assets[2], ' ', units[2]);
    ELSE
        sorted := concat(accounts[2], ' ', assets[2], ' ', units[2], ',', accounts[1], ' ', assets[1], ' ', units[1]);
    END IF;
    digest := sha256(timestamptz_send(occurred_at) || convert_to(
        concat_ws('|', desk, account, kind, book, sorted, coalesce(reverses, 0), memo), 'UTF8'));

    INSERT INTO public.ledger_journal AS journal
        (key, digest, desk_id, account_id, kind, book, occurred_at, memo, legs, reverses_id, actor)
    VALUES (key, digest, desk, account, kind, book, occurred_at, memo, cardinality(units), reverses, actor)
    ON CONFLICT ON CONSTRAINT journal_key DO NOTHING RETURNING journal.id INTO id;
    is_new := FOUND;
    IF NOT is_new THEN
        SELECT journal.id, journal.digest INTO id, seen FROM public.ledger_journal AS journal
        WHERE journal.key = post.key AND journal.book = post.book;
        IF seen <> digest THEN
            RAISE EXCEPTION 'the key came before with other content' USING ERRCODE = 'CR004',
                DETAIL = json_build_object('journal', id);
        END IF;
        RETURN;
    END IF;

    INSERT INTO public.ledger_posting (journal_id, leg, account_id, asset_id, units, occurred_at)
    SELECT id, leg.number, leg.a, leg.s, leg.u, occurred_at
    FROM unnest(accounts, assets, units) WITH ORDINALITY AS leg (a, s, u, number);
    -- The legs came with their journal, so that what is deferred has nothing left to find; a reversal is looked at here, where
    -- its cause is. Our own trigger only: the caller's constraints stay his.
    IF reverses IS NOT NULL THEN
        SET CONSTRAINTS public.journal_closed IMMEDIATE;
        SET CONSTRAINTS public.journal_closed DEFERRED;
    END IF;
END $$;
GRANT EXECUTE ON FUNCTION ledger.post TO crs_app;
