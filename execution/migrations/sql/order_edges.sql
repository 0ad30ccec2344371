-- X-3: an order begins as NEW, moves along the edges of execution/rules/orders.py only, keeps what was asked for, and
-- what is filled never becomes less. A test compares this table with the one in Python.
CREATE FUNCTION execution.order_edges() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order is never deleted' USING ERRCODE = 'CR003';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'NEW' OR NEW.filled <> 0 THEN
            RAISE EXCEPTION 'an order begins as NEW and without fills' USING ERRCODE = 'CR020';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.intent_id, NEW.client_order_id, NEW.desk_id, NEW.account_id, NEW.strategy, NEW.responsible,
        NEW.symbol, NEW.side, NEW.quantity, NEW.order_type, NEW.reduce_only, NEW.position_id, NEW.magic, NEW.epoch,
        NEW.carrier, NEW.created_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.id, OLD.intent_id, OLD.client_order_id, OLD.desk_id, OLD.account_id, OLD.strategy, OLD.responsible,
        OLD.symbol, OLD.side, OLD.quantity, OLD.order_type, OLD.reduce_only, OLD.position_id, OLD.magic, OLD.epoch,
        OLD.carrier, OLD.created_at, OLD.expires_at)
       OR (NEW.limit_price, NEW.stop_loss, NEW.take_profit)
       IS DISTINCT FROM (OLD.limit_price, OLD.stop_loss, OLD.take_profit) THEN
        RAISE EXCEPTION 'what an order asks for is never changed' USING ERRCODE = 'CR003';
    END IF;
    IF NEW.filled < OLD.filled THEN
        RAISE EXCEPTION 'what is filled never becomes less' USING ERRCODE = 'CR020';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('NEW', 'SENT'), ('NEW', 'CANCELLED'),
        ('SENT', 'PARTIAL'), ('SENT', 'FILLED'), ('SENT', 'REJECTED'), ('SENT', 'CANCELLED'), ('SENT', 'UNKNOWN'),
        ('PARTIAL', 'FILLED'), ('PARTIAL', 'CANCELLED'), ('PARTIAL', 'UNKNOWN'),
        ('UNKNOWN', 'SENT'), ('UNKNOWN', 'PARTIAL'), ('UNKNOWN', 'FILLED'), ('UNKNOWN', 'REJECTED'),
        ('UNKNOWN', 'CANCELLED'), ('UNKNOWN', 'FAILED')) THEN
        RAISE EXCEPTION '% cannot become %', OLD.state, NEW.state USING ERRCODE = 'CR020';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_edges BEFORE INSERT OR UPDATE OR DELETE ON public.execution_order
    FOR EACH ROW EXECUTE FUNCTION execution.order_edges();
REVOKE DELETE ON public.execution_order FROM crs_app;
