-- requires: functions/core/allowances/boundary, functions/core/allowances/is_granted
-- requires: functions/core/allowances/next_ungranted, functions/core/allowances/occurrence_at
CREATE OR REPLACE FUNCTION ledger_core.as_allowance(
    allowance ledger.allowances, now timestamptz, is_frozen boolean, replayed boolean
)
RETURNS ledger.allowance
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    -- As it will be once what is due is posted
    v_next integer := ledger_core.next_ungranted(allowance, greatest(
        allowance.next_occurrence,
        ledger_core.occurrence_at(allowance, now) + CASE WHEN allowance.next_at <= now THEN 1 ELSE 0 END
    ));
    v_goes_on boolean := ledger_core.is_granted(allowance, v_next);
    v_allowance ledger.allowance;
BEGIN
    v_allowance.owner_id := allowance.owner_id;
    v_allowance.asset := allowance.asset;
    v_allowance.app := allowance.app;
    v_allowance.operation := allowance.operation;
    v_allowance.nonce := allowance.nonce;
    v_allowance.amount := allowance.amount;
    v_allowance.period := allowance.period;
    v_allowance.time_zone := allowance.time_zone;
    v_allowance.starts_at := allowance.starts_at;
    v_allowance.carry_over_most := allowance.carry_over_most;
    v_allowance.carry_over_for := allowance.carry_over_for;
    v_allowance.occurrences := allowance.occurrences;
    v_allowance.ends_at := allowance.ends_at;
    v_allowance.metadata := allowance.metadata;
    v_allowance.status := CASE WHEN NOT v_goes_on THEN 'ended' WHEN is_frozen THEN 'suspended' ELSE 'open' END;
    v_allowance.next_at := CASE WHEN v_goes_on AND NOT is_frozen THEN ledger_core.boundary(allowance, v_next) END;
    v_allowance.replayed := replayed;
    RETURN v_allowance;
END
$$;

COMMENT ON FUNCTION ledger_core.as_allowance IS
'An allowance in the form in which callers get it, as of now. is_frozen: whether the account is.';
