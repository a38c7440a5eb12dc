CREATE OR REPLACE FUNCTION ledger_core.period_bounds(
    owner_id text,
    asset text,
    since timestamptz,
    until timestamptz,
    OUT opening bigint,
    OUT closing bigint,
    OUT after_seq bigint,
    OUT last_seq bigint,
    OUT opens_at timestamptz,
    OUT closes_at timestamptz,
    OUT now timestamptz
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
    now := ledger_core.clock();
    opens_at := greatest(since, '0001-01-01') - v_before;
    closes_at := least(until - v_before, now);
    -- The closing first: what counts as recorded just now must not be in the opening alone.
    SELECT * INTO v_closing FROM ledger_core.balance_at(owner_id, asset, closes_at);
    SELECT * INTO v_opening FROM ledger_core.balance_at(owner_id, asset, opens_at);
    opening := v_opening.balance;
    closing := v_closing.balance;
    after_seq := v_opening.seq;
    last_seq := v_closing.seq;
END
$$;

COMMENT ON FUNCTION ledger_core.period_bounds IS
'An account from since (included) to until (excluded; null, or later than now: now): the balance before and at the end, its
entries as those after after_seq up to last_seq. What is not posted yet is within it if it happens after opens_at and not after
closes_at, as of now.
Raises LG001.';
