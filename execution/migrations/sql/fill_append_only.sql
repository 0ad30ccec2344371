-- X-4: a fill is never changed and never deleted; a correction of the venue is a deal of its own.
CREATE TRIGGER fill_append_only BEFORE UPDATE OR DELETE ON public.execution_fill
    FOR EACH ROW EXECUTE FUNCTION execution.append_only();
REVOKE UPDATE, DELETE ON public.execution_fill FROM crs_app;
