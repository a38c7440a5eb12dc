CREATE OR REPLACE FUNCTION ledger.change_allowance(
    app text,
    allowance_nonce text,
    nonce text,
    amount bigint,
    from_next_period boolean DEFAULT TRUE,
    owner_id text DEFAULT NULL
)
RETURNS ledger.allowance
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
BEGIN
    PERFORM ledger_core.check_nonce(change_allowance.app, change_allowance.nonce);
    IF change_allowance.amount IS NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object('field', 'amount', 'reason', 'is required'));
    END IF;
    SELECT holder_id, asset INTO v_account
    FROM ledger_core.allowance_account(
        change_allowance.app, change_allowance.allowance_nonce, change_allowance.owner_id
    );
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_allowance(
            change_allowance.app, change_allowance.allowance_nonce, change_allowance.owner_id
        );
    END IF;
    RETURN ledger_core.change_allowance(
        v_account.holder_id, v_account.asset, change_allowance.app, change_allowance.allowance_nonce, change_allowance.nonce,
        change_allowance.amount, coalesce(change_allowance.from_next_period, TRUE)
    );
END
$$;

COMMENT ON FUNCTION ledger.change_allowance IS
'Changes how many credits come from an allowance, under a nonce of its own, and returns the allowance.
amount: how many in each period from now on. from_next_period: false adds what is more than before to the period that it is now,
at once; less is possible from the next period on only. owner_id: whose allowance it must be; with partitions, it tells where it
is. Null: the nonce says it. Raises LG001, LG002, LG101, LG103, LG106, LG201, LG303, LG306, LG311, LG401.';
