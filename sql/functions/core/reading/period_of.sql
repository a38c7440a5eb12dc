CREATE OR REPLACE FUNCTION ledger_core.period_of(
    owner_id text,
    asset text,
    since timestamptz,
    until timestamptz,
    OUT opening bigint,
    OUT closing bigint,
    OUT after_seq bigint,
    OUT last_seq bigint,
    OUT unposted bigint
)
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    -- The period is half open: since belongs to it, until does not.
    v_before constant interval := interval '1 microsecond';
    v_opening record;
    v_closing record;
BEGIN
    PERFORM ledger_core.check_known_account(owner_id, asset);
    PERFORM ledger_core.check_past('since', since);
    IF until < since THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'until', 'reason', 'must not be before since'
        ));
    END IF;
    -- The closing first: what counts as recorded just now must not be in the opening alone.
    SELECT * INTO v_closing
    FROM ledger_core.balance_at(owner_id, asset, least(until - v_before, ledger_core.clock()));
    SELECT * INTO v_opening
    FROM ledger_core.balance_at(owner_id, asset, greatest(since, '0001-01-01') - v_before);
    opening := v_opening.balance;
    closing := v_closing.balance;
    after_seq := v_opening.seq;
    last_seq := v_closing.seq;
    unposted := (v_closing.balance - v_closing.posted) - (v_opening.balance - v_opening.posted);
END
$$;

COMMENT ON FUNCTION ledger_core.period_of IS
'An account from since (included) to until (excluded; null, or later than now: now): the balance before and at the end, its
entries as those after after_seq up to last_seq, and what else expired within it (unposted, not positive).
Raises LG001.';
