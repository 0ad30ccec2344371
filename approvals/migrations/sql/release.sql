-- H-5: a scope is released by two different people, or by somebody at the machine itself. Bound to the epoch that the first of
-- them saw. CR103: not engaged. CR104: no open request. CR105: the same person. CR106: already asked for. CR107: not at the machine.
-- Functions and their rights only, so that a migration can put them in place again.

-- The halt that stands on a scope. Whoever asks has the epoch's lock first, as whoever halts does: it stays as it is found.
-- Callable by the functions below alone.
CREATE OR REPLACE FUNCTION approvals.engaged_halt(scope_type text, scope_id text) RETURNS public.approvals_killswitch
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    standing public.approvals_killswitch;
BEGIN
    PERFORM 1 FROM public.approvals_haltepoch AS c WHERE c.id = 1 FOR UPDATE;
    SELECT k.* INTO standing FROM public.approvals_killswitch AS k
        WHERE k.scope_type = engaged_halt.scope_type AND lower(k.scope_id) = lower(engaged_halt.scope_id);
    IF standing.state IS DISTINCT FROM 'ENGAGED' THEN
        RAISE EXCEPTION 'the scope is not stopped' USING ERRCODE = 'CR103';
    END IF;
    RETURN standing;
END $$;

CREATE OR REPLACE FUNCTION approvals.request_release(
    scope_type text, scope_id text, cause text, remedy text, actor text, at timestamptz, OUT id bigint)
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    standing public.approvals_killswitch;
BEGIN
    standing := approvals.engaged_halt(request_release.scope_type, request_release.scope_id);
    IF request_release.actor !~ '^person:[[:alnum:]_.@+-]+$' THEN
        RAISE EXCEPTION 'people release, machines do not' USING ERRCODE = 'CR107';
    END IF;
    IF EXISTS (SELECT FROM public.approvals_haltrelease AS r WHERE r.kill_switch_id = standing.id AND r.state = 'OPEN') THEN
        RAISE EXCEPTION 'a release has been asked for already' USING ERRCODE = 'CR106';
    END IF;
    INSERT INTO public.approvals_haltrelease AS r
        (kill_switch_id, epoch, cause, remedy, state, requested_at, requested_by, confirmed_by)
    VALUES (standing.id, standing.epoch, request_release.cause, request_release.remedy, 'OPEN', request_release.at,
            request_release.actor, '')
    RETURNING r.id INTO request_release.id;
    INSERT INTO public.approvals_killswitchevent (at, scope_type, scope_id, epoch, action, positions, actor, reason, metadata)
    VALUES (request_release.at, standing.scope_type, standing.scope_id, standing.epoch, 'REQUEST', standing.positions,
            request_release.actor, request_release.cause,
            jsonb_build_object('release', request_release.id, 'remedy', request_release.remedy));
END $$;

-- The one place that turns a kill switch off; callable by the two functions below alone.
CREATE OR REPLACE FUNCTION approvals.release(
    kill_switch_id bigint, released_by text, actor text, reason text, at timestamptz, metadata jsonb)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    next_epoch bigint;
    standing public.approvals_killswitch;
BEGIN
    UPDATE public.approvals_haltepoch AS c SET epoch = c.epoch + 1 WHERE c.id = 1 RETURNING c.epoch INTO STRICT next_epoch;
    UPDATE public.approvals_killswitch AS k
    SET state = 'SAFE', epoch = next_epoch, released_at = release.at, released_by = release.released_by
    WHERE k.id = release.kill_switch_id RETURNING k.* INTO STRICT standing;
    UPDATE public.approvals_haltrelease AS r SET state = 'VOID'
    WHERE r.kill_switch_id = release.kill_switch_id AND r.state = 'OPEN';
    INSERT INTO public.approvals_killswitchevent (at, scope_type, scope_id, epoch, action, positions, actor, reason, metadata)
    VALUES (release.at, standing.scope_type, standing.scope_id, next_epoch, 'RELEASE', standing.positions, release.actor,
            release.reason, release.metadata);
    RETURN next_epoch;
END $$;

CREATE OR REPLACE FUNCTION approvals.confirm_release(release_id bigint, actor text, at timestamptz, OUT epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    asked public.approvals_haltrelease;
    standing public.approvals_killswitch;
BEGIN
    PERFORM 1 FROM public.approvals_haltepoch AS c WHERE c.id = 1 FOR UPDATE;
    SELECT r.* INTO asked FROM public.approvals_haltrelease AS r WHERE r.id = confirm_release.release_id;
    SELECT k.* INTO standing FROM public.approvals_killswitch AS k WHERE k.id = asked.kill_switch_id;
    IF asked.state IS DISTINCT FROM 'OPEN' OR standing.state <> 'ENGAGED' OR standing.epoch <> asked.epoch THEN
        RAISE EXCEPTION 'no open request' USING ERRCODE = 'CR104';
    END IF;
    IF confirm_release.actor !~ '^person:[[:alnum:]_.@+-]+$' THEN
        RAISE EXCEPTION 'people release, machines do not' USING ERRCODE = 'CR107';
    END IF;
    IF lower(confirm_release.actor) = lower(asked.requested_by) THEN
        RAISE EXCEPTION 'the second person is another person' USING ERRCODE = 'CR105';
    END IF;
    UPDATE public.approvals_haltrelease AS r
    SET state = 'CONFIRMED', confirmed_at = confirm_release.at, confirmed_by = confirm_release.actor WHERE r.id = asked.id;
    confirm_release.epoch := approvals.release(
        asked.kill_switch_id, asked.requested_by || ' and ' || confirm_release.actor, confirm_release.actor, asked.cause,
        confirm_release.at, jsonb_build_object('release', asked.id, 'remedy', asked.remedy, 'requested_by', asked.requested_by));
END $$;

CREATE OR REPLACE FUNCTION approvals.release_on_machine(
    scope_type text, scope_id text, reason text, actor text, at timestamptz, OUT epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    standing public.approvals_killswitch;
BEGIN
    standing := approvals.engaged_halt(release_on_machine.scope_type, release_on_machine.scope_id);
    IF release_on_machine.actor NOT LIKE 'machine:%' THEN
        RAISE EXCEPTION 'this way is for the command on the machine' USING ERRCODE = 'CR107';
    END IF;
    release_on_machine.epoch := approvals.release(
        standing.id, release_on_machine.actor, release_on_machine.actor, release_on_machine.reason, release_on_machine.at, '{}');
END $$;
REVOKE EXECUTE ON FUNCTION approvals.engaged_halt, approvals.release FROM PUBLIC;
GRANT EXECUTE ON FUNCTION approvals.request_release, approvals.confirm_release, approvals.release_on_machine TO crs_app;
