-- Computes the result of settling the account at that time, without writing.
CREATE OR REPLACE FUNCTION ledger_core.balance_as_of(owner_id text, asset text, at timestamptz)
RETURNS TABLE (balance bigint, held bigint, next_expiry_at timestamptz, next_expiry_amount bigint)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_balance bigint;
    v_held bigint;
    v_expired bigint;
    v_next_at timestamptz;
    v_next_amount bigint;
BEGIN
    SELECT balance INTO v_balance
    FROM ledger.accounts
    WHERE owner_id = balance_as_of.owner_id AND asset = balance_as_of.asset;

    SELECT coalesce(sum(amount - captured), 0) INTO v_held
    FROM ledger.holds
    WHERE owner_id = balance_as_of.owner_id AND asset = balance_as_of.asset
        AND status = 'open' AND expires_at > balance_as_of.at;

    WITH reserved AS (
        SELECT hold_lots.lot_seq, sum(hold_lots.amount) AS amount
        FROM ledger.hold_lots
        INNER JOIN ledger.holds
            ON hold_lots.owner_id = holds.owner_id AND hold_lots.app = holds.app AND hold_lots.hold_nonce = holds.nonce
        WHERE hold_lots.owner_id = balance_as_of.owner_id AND hold_lots.asset = balance_as_of.asset
            AND holds.owner_id = balance_as_of.owner_id
            AND holds.status = 'open' AND holds.expires_at > balance_as_of.at
        GROUP BY hold_lots.lot_seq
    ),

    free AS (
        SELECT lots.expires_at, lots.remaining - coalesce(reserved.amount, 0) AS amount
        FROM ledger.lots
        LEFT JOIN reserved ON lots.seq = reserved.lot_seq
        WHERE lots.owner_id = balance_as_of.owner_id AND lots.asset = balance_as_of.asset AND lots.remaining > 0
    ),

    upcoming AS (
        SELECT free.expires_at, sum(free.amount) AS amount
        FROM free
        WHERE free.expires_at > balance_as_of.at AND free.amount > 0
        GROUP BY free.expires_at
        ORDER BY free.expires_at
        LIMIT 1
    )

    SELECT
        (SELECT coalesce(sum(free.amount), 0) FROM free WHERE free.expires_at <= balance_as_of.at),
        (SELECT upcoming.expires_at FROM upcoming),
        (SELECT upcoming.amount FROM upcoming)
    INTO v_expired, v_next_at, v_next_amount;

    RETURN QUERY SELECT v_balance - v_expired, v_held, v_next_at, v_next_amount;
END
$$;

COMMENT ON FUNCTION ledger_core.balance_as_of IS
'Balance and held of an existing account at a time not before its last entry, with the next expiry after it.
Expiries and ends of holds due by then count although they are not posted yet.';
