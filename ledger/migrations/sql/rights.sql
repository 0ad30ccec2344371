-- A-2: on the book the application role has SELECT, and EXECUTE on the functions that write it. The chart it may extend.
REVOKE ALL ON public.ledger_journal, public.ledger_posting, public.ledger_balance FROM crs_app;
GRANT SELECT ON public.ledger_journal, public.ledger_posting, public.ledger_balance TO crs_app;
REVOKE ALL ON SEQUENCE public.ledger_journal_id_seq FROM crs_app;
REVOKE UPDATE, DELETE ON public.ledger_asset, public.ledger_ledgeraccount FROM crs_app;
