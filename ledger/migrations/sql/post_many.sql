-- The way into the book for many journals at once: the same promises in a handful of statements, all or none. Per journal: one
-- place in each array; per leg: the place of its journal (`owners`, from 1) and its number. A key that comes twice in the batch
-- is the same journal. A refusal names the place of the journal when it knows it (`item`, from 0).
CREATE OR REPLACE FUNCTION ledger.post_many(
    keys text[], desks bigint[], venue_accounts bigint[], kinds text[], books text[], occurred timestamptz[], memos text[],
    reverses bigint[], owners int[], numbers int[], accounts bigint[], assets int[], units numeric[], actor text,
    OUT ids bigint[], OUT are_new boolean[])
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    digests bytea[];
    fresh bigint[];
    reused int;
BEGIN
    IF split_part(actor, ':', 1) <> ALL ('{person,key,machine}') THEN
        RAISE EXCEPTION 'a journal is posted by a person, a key or a machine' USING ERRCODE = 'CR012';
    END IF;
    IF units::numeric(78, 0)[] IS DISTINCT FROM units THEN  -- as in ledger.post(): the column would round
        RAISE EXCEPTION 'base units are whole numbers' USING ERRCODE = 'CR011';
    END IF;
    IF EXISTS (SELECT FROM unnest(owners) AS leg (place) WHERE place NOT BETWEEN 1 AND cardinality(keys)) THEN
        RAISE EXCEPTION 'a leg belongs to a journal of its batch' USING ERRCODE = 'CR002';
    END IF;
    SELECT array_agg(sha256(timestamptz_send(occurred[place]) || convert_to(concat_ws('|', desks[place],
                         venue_accounts[place], kinds[place], books[place], sorted,
                         coalesce(reverses[place], 0), memos[place]), 'UTF8')) ORDER BY place) INTO digests
    FROM (SELECT place, string_agg(concat_ws(' ', a, s, u), ',' ORDER BY a, s, u) AS sorted
          FROM unnest(owners, accounts, assets, units) AS leg (place, a, s, u) GROUP BY place) AS journal;

    WITH inserted AS (
        INSERT INTO public.ledger_journal AS journal
            (key, digest, desk_id, account_id, kind, book, occurred_at, memo, legs, reverses_id, actor)
        SELECT given.key, digest, desk, account, kind, book, at, memo, legs, reverse, post_many.actor
        FROM unnest(keys, digests, desks, venue_accounts, kinds, books, occurred, memos, reverses) WITH ORDINALITY
             AS given (key, digest, desk, account, kind, book, at, memo, reverse, place)
        JOIN (SELECT place, count(*) AS legs FROM unnest(owners) AS leg (place) GROUP BY place) AS number USING (place)
        ORDER BY place
        ON CONFLICT ON CONSTRAINT journal_key DO NOTHING RETURNING journal.id)
    SELECT array_agg(id) INTO fresh FROM inserted;

    -- All new is the usual batch: the rows came back in the order of their places. Otherwise each key is looked up.
    IF cardinality(fresh) = cardinality(keys) THEN
        ids := fresh;
        are_new := array_fill(true, ARRAY[cardinality(keys)]);
    ELSE
        SELECT array_agg(journal.id ORDER BY place),
               array_agg(new.id IS NOT NULL AND place = first ORDER BY place),
               min(place) FILTER (WHERE journal.digest <> given.digest) INTO ids, are_new, reused
        FROM (SELECT *, min(place) OVER (PARTITION BY key, book) AS first
              FROM unnest(keys, books, digests) WITH ORDINALITY AS t (key, book, digest, place)) AS given
        CROSS JOIN LATERAL (SELECT * FROM public.ledger_journal AS row
                            WHERE row.key = given.key AND row.book = given.book OFFSET 0) AS journal
        LEFT JOIN unnest(fresh) AS new (id) ON new.id = journal.id;
    END IF;
    IF reused IS NOT NULL THEN
        RAISE EXCEPTION 'the key came before with other content' USING ERRCODE = 'CR004',
            DETAIL = json_build_object('journal', ids[reused], 'item', reused - 1);
    END IF;

    INSERT INTO public.ledger_posting (journal_id, leg, account_id, asset_id, units, occurred_at)
    SELECT ids[place], number, a, s, u, occurred[place]
    FROM unnest(owners, numbers, accounts, assets, units) AS leg (place, number, a, s, u) WHERE are_new[place];
    IF reverses <> array_fill(NULL::bigint, ARRAY[cardinality(reverses)]) THEN
        SET CONSTRAINTS public.journal_closed IMMEDIATE;
        SET CONSTRAINTS public.journal_closed DEFERRED;
    END IF;
END $$;
GRANT EXECUTE ON FUNCTION ledger.post_many TO crs_app;
