-- A-1: the application role reads and writes the working tables and nothing else. The book and the evidence take their
-- rights away again in the migration that makes them; what is left there is SELECT and EXECUTE on the writing functions.
-- The roles themselves are made by the stack, or by an administrator with the SQL that `manage.py doctor` prints.
DO $$
BEGIN
    -- Nobody can put a table or a function of his own in front of ours (temporary schema, search_path).
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE 'REVOKE CREATE ON SCHEMA public FROM PUBLIC';
END $$;
GRANT USAGE ON SCHEMA public TO crs_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO crs_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO crs_app;
REVOKE INSERT, UPDATE, DELETE ON public.django_migrations FROM crs_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO crs_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO crs_app;
-- A function is for everybody unless its migration says so; ours are for those who are named.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
