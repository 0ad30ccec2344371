-- Every INSERT of postings asks journal_stands, whoever inserts; a journal by hand says so by its defaults.
CREATE TRIGGER journal_stands AFTER INSERT ON public.ledger_posting
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger.journal_stands();

-- A journal by hand is its role's.
ALTER TABLE public.ledger_journal ALTER recorded_at SET DEFAULT clock_timestamp(), ALTER memo SET DEFAULT '',
    ALTER actor SET DEFAULT 'role:' || session_user, ALTER digest SET DEFAULT sha256('by hand');
-- A ledger account agrees with its Account for good: neither ever changes.
ALTER TABLE public.ledger_ledgeraccount ADD CONSTRAINT ledgeraccount_account_desk_book
    FOREIGN KEY (account_id, desk_id, book) REFERENCES public.approvals_account (id, desk_id, book);
