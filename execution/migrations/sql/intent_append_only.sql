-- X-1: an intent and its decision are never changed and never deleted; what became of it stands on its order.
CREATE SCHEMA IF NOT EXISTS execution;
CREATE FUNCTION execution.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once: it is never changed and never deleted', TG_TABLE_NAME USING ERRCODE = 'CR003';
END $$;
CREATE TRIGGER intent_append_only BEFORE UPDATE OR DELETE ON public.execution_intent
    FOR EACH ROW EXECUTE FUNCTION execution.append_only();
REVOKE UPDATE, DELETE ON public.execution_intent FROM crs_app;
