-- X-6: intent, order and fill belong to the desk of their account.
CREATE FUNCTION execution.trade_desk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.approvals_account a WHERE a.id = NEW.account_id AND a.desk_id = NEW.desk_id) THEN
        RAISE EXCEPTION 'account % is not of desk %', NEW.account_id, NEW.desk_id USING ERRCODE = 'CR006';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER intent_desk BEFORE INSERT ON public.execution_intent
    FOR EACH ROW EXECUTE FUNCTION execution.trade_desk();
CREATE TRIGGER order_desk BEFORE INSERT ON public.execution_order
    FOR EACH ROW EXECUTE FUNCTION execution.trade_desk();
CREATE TRIGGER fill_desk BEFORE INSERT ON public.execution_fill
    FOR EACH ROW EXECUTE FUNCTION execution.trade_desk();
