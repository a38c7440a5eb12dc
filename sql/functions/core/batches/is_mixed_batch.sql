-- requires: functions/core/batches/checked_items
CREATE OR REPLACE FUNCTION ledger_core.is_mixed_batch(app text, entries jsonb)
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    -- As many as cost hardly anything beside the batch.
    v_sample integer := least(32, 1 + jsonb_array_length(entries) / 32);
BEGIN
    RETURN (
        -- A nonce that is taken fails the attempt for plain items. Others that are not plain are left by it, and cost more.
        SELECT coalesce(bool_or(items.is_taken), FALSE) OR count(*) FILTER (WHERE NOT items.is_plain) * 4 > count(*)
        FROM (
            SELECT
                items.plain AND EXISTS (
                    SELECT 1 FROM ledger.accounts
                    WHERE accounts.owner_id = items.owner_id AND accounts.asset = items.asset
                        AND ledger_core.is_plain_account(accounts.next_due_at, accounts.frozen_at)
                        AND NOT accounts.has_budgets
                ) AS is_plain,
                EXISTS (
                    SELECT 1 FROM ledger_core.nonces
                    WHERE nonces.app = is_mixed_batch.app AND nonces.nonce = items.nonce
                ) AS is_taken
            FROM ledger_core.checked_items(
                is_mixed_batch.app,
                jsonb_path_query_array(entries, '$[0 to $last]', jsonb_build_object('last', v_sample - 1))
            ) AS items
        ) AS items
    );
END
$$;

COMMENT ON FUNCTION ledger_core.is_mixed_batch IS
'True if a sample of the first items of a batch says that ledger_core.record_mixed_batch will be faster than
ledger_core.record_plain_batch.';
