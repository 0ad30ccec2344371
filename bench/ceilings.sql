-- The ceilings that posting is measured against, in a schema of their own. `bare`: two legs as scalars, no guarantee at all:
-- two ordered balance updates, one journal, two postings. `full`: legs by arrays, key, digest, leaf, per-row deferred check;
-- written without care for speed. `rows`: what stands on the disk after a batch of ours, with all its indexes, and nothing that
-- looks at it. Source of the shapes: the figures they reproduce are in docs/BENCHMARKS.md.
DROP SCHEMA IF EXISTS ceiling CASCADE;
CREATE SCHEMA ceiling;

CREATE TABLE ceiling.bare_balance (account bigint PRIMARY KEY, units numeric(78, 0) NOT NULL) WITH (fillfactor = 50);
CREATE TABLE ceiling.bare_journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, occurred_at timestamptz NOT NULL, memo text NOT NULL);
CREATE TABLE ceiling.bare_posting (
    journal bigint NOT NULL, leg smallint NOT NULL, account bigint NOT NULL, units numeric(78, 0) NOT NULL,
    PRIMARY KEY (journal, leg));

CREATE FUNCTION ceiling.bare(debit bigint, credit bigint, amount numeric, at timestamptz, note text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
BEGIN
    IF debit < credit THEN
        UPDATE ceiling.bare_balance SET units = units + amount WHERE account = debit;
        UPDATE ceiling.bare_balance SET units = units - amount WHERE account = credit;
    ELSE
        UPDATE ceiling.bare_balance SET units = units - amount WHERE account = credit;
        UPDATE ceiling.bare_balance SET units = units + amount WHERE account = debit;
    END IF;
    INSERT INTO ceiling.bare_journal (occurred_at, memo) VALUES (at, note) RETURNING id INTO number;
    INSERT INTO ceiling.bare_posting VALUES (number, 1, debit, amount), (number, 2, credit, -amount);
    RETURN number;
END $$;

CREATE FUNCTION ceiling.bare_many(debits bigint[], credits bigint[], amounts numeric[], at timestamptz, note text)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    WITH legs AS (SELECT debit AS account, amount FROM unnest(debits, amounts) AS t (debit, amount)
                  UNION ALL SELECT credit, -amount FROM unnest(credits, amounts) AS t (credit, amount))
    INSERT INTO ceiling.bare_balance AS balance
    SELECT account, sum(amount) FROM legs GROUP BY account ORDER BY account
    ON CONFLICT (account) DO UPDATE SET units = balance.units + excluded.units;
    WITH given AS (
        SELECT nextval('ceiling.bare_journal_id_seq') AS id, debit, credit, amount
        FROM unnest(debits, credits, amounts) AS t (debit, credit, amount)
    ), written AS (
        INSERT INTO ceiling.bare_journal OVERRIDING SYSTEM VALUE SELECT id, at, note FROM given
    )
    INSERT INTO ceiling.bare_posting
    SELECT id, 1, debit, amount FROM given UNION ALL SELECT id, 2, credit, -amount FROM given;
    RETURN cardinality(debits);
END $$;

CREATE TABLE ceiling.full_balance (
    account bigint NOT NULL, asset int NOT NULL, units numeric(78, 0) NOT NULL, PRIMARY KEY (account, asset))
    WITH (fillfactor = 50);
CREATE TABLE ceiling.full_journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL UNIQUE, digest bytea NOT NULL,
    occurred_at timestamptz NOT NULL, memo text NOT NULL);
CREATE TABLE ceiling.full_posting (
    journal bigint NOT NULL, leg smallint NOT NULL, account bigint NOT NULL, asset int NOT NULL,
    units numeric(78, 0) NOT NULL CHECK (units <> 0), PRIMARY KEY (journal, leg));
CREATE TABLE ceiling.full_leaf (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL, leaf bytea NOT NULL);

CREATE FUNCTION ceiling.full_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM ceiling.full_posting WHERE journal = NEW.journal GROUP BY asset HAVING sum(units) <> 0) THEN
        RAISE EXCEPTION 'unbalanced';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER full_balances AFTER INSERT ON ceiling.full_posting DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ceiling.full_balances();

CREATE FUNCTION ceiling.full(
    given_key text, accounts bigint[], assets int[], units numeric[], at timestamptz, note text,
    OUT id bigint, OUT is_new boolean)
LANGUAGE plpgsql AS $$
DECLARE
    legs text;
    hash bytea;
    seen bytea;
    body bytea;
BEGIN
    SELECT string_agg(a || ' ' || s || ' ' || u, ',' ORDER BY a, s, u) INTO legs FROM unnest(accounts, assets, units) AS t (a, s, u);
    hash := sha256(convert_to(concat_ws('|', at, note, legs), 'UTF8'));
    INSERT INTO ceiling.full_journal AS journal (key, digest, occurred_at, memo) VALUES (given_key, hash, at, note)
    ON CONFLICT (key) DO NOTHING RETURNING journal.id INTO id;
    is_new := id IS NOT NULL;
    IF NOT is_new THEN
        SELECT journal.id, digest INTO id, seen FROM ceiling.full_journal AS journal WHERE key = given_key;
        IF seen <> hash THEN
            RAISE EXCEPTION 'key reused';
        END IF;
        RETURN;
    END IF;
    INSERT INTO ceiling.full_balance AS balance (account, asset, units)
    SELECT a, s, sum(u) FROM unnest(accounts, assets, units) AS t (a, s, u) GROUP BY a, s ORDER BY a, s
    ON CONFLICT (account, asset) DO UPDATE SET units = balance.units + excluded.units;
    INSERT INTO ceiling.full_posting (journal, leg, account, asset, units)
    SELECT id, number, a, s, u FROM unnest(accounts, assets, units) WITH ORDINALITY AS t (a, s, u, number);
    body := convert_to(json_build_object('at', at, 'id', id, 'key', given_key, 'legs', legs, 'memo', note)::text, 'UTF8');
    INSERT INTO ceiling.full_leaf (body, leaf) VALUES (body, sha256('\x00'::bytea || body));
    SET CONSTRAINTS ALL IMMEDIATE;
    SET CONSTRAINTS ALL DEFERRED;
END $$;

CREATE FUNCTION ceiling.full_many(keys text[], debits bigint[], credits bigint[], asset int, at timestamptz, note text)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    FOR place IN 1 .. cardinality(keys) LOOP
        PERFORM ceiling.full(keys[place], ARRAY[debits[place], credits[place]], ARRAY[asset, asset], '{100,-100}', at, note);
    END LOOP;
    RETURN cardinality(keys);
END $$;

CREATE TABLE ceiling.rows_balance (LIKE public.ledger_balance INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE ceiling.rows_journal (LIKE public.ledger_journal INCLUDING ALL);
CREATE TABLE ceiling.rows_posting (LIKE public.ledger_posting INCLUDING ALL);
CREATE TABLE ceiling.rows_event (LIKE public.approvals_auditevent INCLUDING ALL);

-- The event's bytes are a constant of the usual length; its leaf is hashed, since the column is.
CREATE FUNCTION ceiling.rows_many(keys text[], debits bigint[], credits bigint[], asset int, at timestamptz, note text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    fresh bigint[];
BEGIN
    WITH written AS (
        INSERT INTO ceiling.rows_journal
            (key, digest, desk_id, account_id, kind, book, occurred_at, recorded_at, memo, legs, actor)
        SELECT key, sha256(''), 1, 1, 'TRADE', 'PAPER', at, clock_timestamp(), note, 2, 'machine:bench'
        FROM unnest(keys) AS given (key) RETURNING id)
    SELECT array_agg(id) INTO fresh FROM written;
    INSERT INTO ceiling.rows_posting (journal_id, leg, account_id, asset_id, units, occurred_at)
    SELECT id, 1, debit, asset, 100, at FROM unnest(fresh, debits) AS given (id, debit)
    UNION ALL SELECT id, 2, credit, asset, -100, at FROM unnest(fresh, credits) AS given (id, credit);
    INSERT INTO ceiling.rows_balance AS balance (account_id, asset_id, units)
    SELECT account, asset, sum(amount) FROM (SELECT unnest(debits), 100 UNION ALL SELECT unnest(credits), -100)
        AS leg (account, amount) GROUP BY account ORDER BY account
    ON CONFLICT (account_id, asset_id) DO UPDATE SET units = balance.units + excluded.units;
    INSERT INTO ceiling.rows_event
        (at, recorded_at, role, actor_kind, actor, action, subject_kind, subject_id, desk_id, body)
    SELECT at, clock_timestamp(), session_user, 'machine', 'bench', 'ledger.journal.posted', 'ledger.journal', id, 1,
           convert_to(repeat('x', 340), 'UTF8')
    FROM unnest(fresh) AS given (id);
    RETURN cardinality(fresh);
END $$;
