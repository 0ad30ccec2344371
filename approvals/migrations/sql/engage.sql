-- How a scope is stopped. The epoch's row lock puts all halts and releases of the installation into one order; nothing else
-- is waited for. Engaging what is engaged adds its reason, may raise KEEP to CLOSE, and voids a release that was asked for:
-- there is one more reason to stand still than its maker knew.
CREATE FUNCTION approvals.engage(
    scope_type text, scope_id text, positions text, reason text, metadata jsonb, actor text, at timestamptz,
    OUT id bigint, OUT epoch bigint, OUT is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    counter bigint;
    standing public.approvals_killswitch;
BEGIN
    -- The counter stands there from the first migration on; should it be gone, halting goes on from the highest epoch known.
    INSERT INTO public.approvals_haltepoch (id, epoch)
    SELECT 1, coalesce(max(k.epoch), 0) FROM public.approvals_killswitch AS k ON CONFLICT DO NOTHING;
    SELECT c.epoch INTO STRICT counter FROM public.approvals_haltepoch AS c WHERE c.id = 1 FOR UPDATE;
    SELECT k.* INTO standing FROM public.approvals_killswitch AS k
        WHERE k.scope_type = engage.scope_type AND lower(k.scope_id) = lower(engage.scope_id);
    IF standing.state = 'ENGAGED' THEN
        engage.is_new := false;
        engage.id := standing.id;
        engage.epoch := standing.epoch;
        IF standing.positions = 'KEEP' AND engage.positions = 'CLOSE' THEN
            UPDATE public.approvals_killswitch AS k SET positions = 'CLOSE' WHERE k.id = standing.id;
        END IF;
        UPDATE public.approvals_haltrelease AS r SET state = 'VOID' WHERE r.kill_switch_id = standing.id AND r.state = 'OPEN';
    ELSE
        engage.is_new := true;
        engage.epoch := counter + 1;
        UPDATE public.approvals_haltepoch AS c SET epoch = counter + 1 WHERE c.id = 1;
        IF standing.id IS NULL THEN
            INSERT INTO public.approvals_killswitch AS k (scope_type, scope_id, state, positions, epoch, reason, metadata,
                                                          engaged_at, engaged_by, released_by)
            VALUES (engage.scope_type, engage.scope_id, 'ENGAGED', engage.positions, engage.epoch, engage.reason,
                    engage.metadata, engage.at, engage.actor, '')
            RETURNING k.id INTO engage.id;
        ELSE
            engage.id := standing.id;
            UPDATE public.approvals_killswitch AS k
            SET state = 'ENGAGED', positions = engage.positions, epoch = engage.epoch, reason = engage.reason,
                metadata = engage.metadata, engaged_at = engage.at, engaged_by = engage.actor, released_at = NULL,
                released_by = ''
            WHERE k.id = standing.id;
        END IF;
    END IF;
    INSERT INTO public.approvals_killswitchevent (at, scope_type, scope_id, epoch, action, positions, actor, reason, metadata)
    VALUES (engage.at, engage.scope_type, coalesce(standing.scope_id, engage.scope_id), engage.epoch, 'ENGAGE',
            engage.positions, engage.actor, engage.reason, engage.metadata);
END $$;

-- A denied attempt, or what the gateways answered. Neither changes a state.
CREATE FUNCTION approvals.note_halt(
    scope_type text, scope_id text, action text, actor text, reason text, receipt jsonb, epoch bigint, at timestamptz)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    IF note_halt.action NOT IN ('DENIED', 'RECEIPT') THEN
        RAISE EXCEPTION 'only a denial or a receipt is noted' USING ERRCODE = 'CR102';
    END IF;
    INSERT INTO public.approvals_killswitchevent
        (at, scope_type, scope_id, epoch, action, positions, actor, reason, metadata, receipt)
    VALUES (note_halt.at, note_halt.scope_type, note_halt.scope_id,
            coalesce(note_halt.epoch, (SELECT c.epoch FROM public.approvals_haltepoch AS c WHERE c.id = 1)),
            note_halt.action, '', note_halt.actor, note_halt.reason, '{}', note_halt.receipt);
END $$;
GRANT EXECUTE ON FUNCTION approvals.engage, approvals.note_halt TO crs_app;
