-- Computes the result of settling the account at that time, without writing.
-- requires: functions/core/allowances/allowance_schedule
CREATE OR REPLACE FUNCTION ledger_core.standing_at(owner_id text, asset text, at timestamptz)
RETURNS TABLE (
    balance bigint,
    held bigint,
    next_expiry_at timestamptz,
    next_expiry_amount bigint,
    next_allowance_at timestamptz,
    next_allowance_amount bigint
)
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
    v_coming record;
BEGIN
    SELECT balance INTO v_balance
    FROM ledger.accounts
    WHERE owner_id = standing_at.owner_id AND asset = standing_at.asset;

    SELECT coalesce(sum(amount - captured), 0) INTO v_held
    FROM ledger.holds
    WHERE owner_id = standing_at.owner_id AND asset = standing_at.asset
        AND status = 'open' AND expires_at > standing_at.at;

    WITH reserved AS (
        SELECT hold_lots.lot_seq, sum(hold_lots.amount) AS amount
        FROM ledger.hold_lots
        INNER JOIN ledger.holds
            ON hold_lots.owner_id = holds.owner_id AND hold_lots.app = holds.app AND hold_lots.hold_nonce = holds.nonce
        WHERE hold_lots.owner_id = standing_at.owner_id AND hold_lots.asset = standing_at.asset
            AND holds.owner_id = standing_at.owner_id
            AND holds.status = 'open' AND holds.expires_at > standing_at.at
        GROUP BY hold_lots.lot_seq
    ),

    free AS (
        SELECT lots.expires_at, lots.remaining - coalesce(reserved.amount, 0) AS amount
        FROM ledger.lots
        LEFT JOIN reserved ON lots.seq = reserved.lot_seq
        WHERE lots.owner_id = standing_at.owner_id AND lots.asset = standing_at.asset AND lots.remaining > 0
    ),

    upcoming AS (
        SELECT free.expires_at, sum(free.amount) AS amount
        FROM free
        WHERE free.expires_at > standing_at.at AND free.amount > 0
        GROUP BY free.expires_at
        ORDER BY free.expires_at
        LIMIT 1
    )

    SELECT
        (SELECT coalesce(sum(free.amount), 0) FROM free WHERE free.expires_at <= standing_at.at),
        (SELECT upcoming.expires_at FROM upcoming),
        (SELECT upcoming.amount FROM upcoming)
    INTO v_expired, v_next_at, v_next_amount;

    SELECT
        coalesce(sum(events.amount) FILTER (WHERE events.at <= standing_at.at), 0) AS amount,
        coalesce(sum(events.amount) FILTER (WHERE events.at = events.next_at AND events.kind = 'allowance'), 0) AS granted,
        min(events.at) FILTER (WHERE events.at > standing_at.at AND events.kind = 'allowance') AS next_at,
        min(events.at) FILTER (WHERE events.at > standing_at.at AND events.kind = 'expiry') AS next_expiry_at,
        -sum(events.amount) FILTER (WHERE events.at = events.next_at AND events.kind = 'expiry') AS expiring
    INTO v_coming
    FROM (
        SELECT
            coming.at, coming.kind, coming.amount,
            min(coming.at) FILTER (WHERE coming.at > standing_at.at) OVER (PARTITION BY coming.kind) AS next_at
        FROM ledger_core.allowance_schedule(
            standing_at.owner_id, standing_at.asset, greatest(standing_at.at, ledger_core.clock()), standing_at.at
        ) AS coming
    ) AS events;
    IF v_coming.next_expiry_at <= v_next_at THEN
        v_next_amount := CASE WHEN v_coming.next_expiry_at = v_next_at THEN v_next_amount ELSE 0 END + v_coming.expiring;
        v_next_at := v_coming.next_expiry_at;
    ELSIF v_next_at IS NULL THEN
        v_next_at := v_coming.next_expiry_at;
        v_next_amount := v_coming.expiring;
    END IF;

    RETURN QUERY SELECT
        (v_balance - v_expired + v_coming.amount)::bigint, v_held, v_next_at, v_next_amount,
        v_coming.next_at, CASE WHEN v_coming.next_at IS NOT NULL THEN v_coming.granted::bigint END;
END
$$;

COMMENT ON FUNCTION ledger_core.standing_at IS
'Balance and held of an existing account at a time not before its last entry, with the next expiry and the next
allowance after it. What is due by then counts although it is not posted yet; periods of allowances that are over by now went by
unseen. See ledger_core.clock_events.';
