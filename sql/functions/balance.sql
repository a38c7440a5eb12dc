-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.balance(
    owner_id text,
    asset text DEFAULT 'CREDIT',
    for_app text DEFAULT NULL,
    for_operation text DEFAULT NULL
)
RETURNS TABLE (
    balance bigint,
    held bigint,
    available bigint,
    entry_count bigint,
    next_expiry_at timestamptz,
    next_expiry_amount bigint,
    next_allowance_at timestamptz,
    next_allowance_amount bigint
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
    v_now timestamptz;
BEGIN
    IF num_nonnulls(balance.for_app, balance.for_operation) > 0 THEN
        PERFORM ledger_core.check_purpose(balance.for_app, balance.for_operation);
    END IF;
    SELECT balance, held, last_seq, next_due_at, last_entry_at INTO v_account
    FROM ledger.accounts
    WHERE owner_id = balance.owner_id AND asset = balance.asset;
    IF NOT FOUND THEN
        -- What has an account needs no check.
        PERFORM ledger_core.check_known_account(balance.owner_id, balance.asset);
        RETURN QUERY SELECT 0::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::timestamptz, NULL::bigint,
            NULL::timestamptz, NULL::bigint;
    ELSIF v_account.next_due_at = 'infinity' AND NOT ledger_core.was_ahead(v_account.last_entry_at, ledger_core.clock()) THEN
        RETURN QUERY SELECT
            v_account.balance, v_account.held, v_account.balance - v_account.held, v_account.last_seq,
            NULL::timestamptz, NULL::bigint, NULL::timestamptz, NULL::bigint;
    ELSE
        v_now := ledger_core.clock();
        RETURN QUERY
        SELECT
            now.balance,
            now.held,
            now.balance - now.held - CASE
                WHEN num_nonnulls(balance.for_app, balance.for_operation) = 0 THEN 0
                ELSE ledger_core.unusable_at(
                    balance.owner_id, balance.asset, balance.for_app, balance.for_operation, v_now
                )
            END,
            v_account.last_seq,
            now.next_expiry_at,
            now.next_expiry_amount,
            now.next_allowance_at,
            now.next_allowance_amount
        FROM ledger_core.standing_at(balance.owner_id, balance.asset, v_now) AS now;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger.balance IS
'The balance of an owner at this microsecond, one row, in whole units of the asset. Expiries count even if they are not
posted yet. An expiry that is posted counts even if the clock is set back afterwards.
balance: all credits. held: reserved by open holds. available: free to spend. for_app, for_operation: available is then
what a spend by this app and operation could use; if one is null, what some spend by the other could use. entry_count: the number of entries.
next_expiry_at and next_expiry_amount: when the next credits expire, and how many. next_allowance_at and next_allowance_amount:
when the next allowance comes, and how many credits with it. Zeros for an unknown owner.
Raises LG001, LG101, LG102.';
