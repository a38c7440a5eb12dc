-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger.adjust_balance(
    owner_id text,
    amount bigint,
    nonce text,
    actor text,
    reason text,
    asset text DEFAULT 'CREDIT'
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM ledger_core.check_known_account(adjust_balance.owner_id, adjust_balance.asset);
    PERFORM ledger_core.check_own_nonce(adjust_balance.nonce);
    PERFORM ledger_core.check_actor(adjust_balance.actor, adjust_balance.reason);
    IF coalesce(adjust_balance.amount, 0) = 0 THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'amount', 'reason', 'is required and must not be 0'
        ));
    ELSIF adjust_balance.amount NOT BETWEEN -ledger_core.max_amount() AND ledger_core.max_amount() THEN
        PERFORM ledger_core.refuse('amount_out_of_bounds', jsonb_build_object(
            'amount', adjust_balance.amount, 'min_amount', -ledger_core.max_amount(), 'max_amount', ledger_core.max_amount()
        ));
    END IF;
    RETURN ledger_core.adjust_account(
        adjust_balance.owner_id, adjust_balance.asset, adjust_balance.amount, adjust_balance.nonce, adjust_balance.actor,
        adjust_balance.reason
    );
END
$$;

COMMENT ON FUNCTION ledger.adjust_balance IS
'Adds amount (signed whole units, not 0) to an account by hand, as an entry of operation ADJUSTMENT and app "ledger", and
returns it; also on a frozen account, but not on one that was moved, and not below the floor.
actor: the person who decides; reason: why; both are kept in the entry and in ledger.operator_actions. nonce: unique among
adjustments; a repeated request is a replay. For operators. Raises LG001, LG002, LG201, LG301, LG308.';
