-- requires: functions/core/lots/lots_at
CREATE OR REPLACE FUNCTION ledger.balance_parts(owner_id text, asset text DEFAULT 'CREDIT')
RETURNS TABLE (
    credit_class text,
    usable_for text [],
    usable_in text [],
    expires_at timestamptz,
    priority integer,
    amount bigint,
    held bigint
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
BEGIN
    PERFORM ledger_core.check_known_account(balance_parts.owner_id, balance_parts.asset);
    RETURN QUERY
    WITH lots AS MATERIALIZED (
        SELECT open.*
        FROM ledger_core.lots_at(balance_parts.owner_id, balance_parts.asset, v_now) AS open
    ),

    parts AS (
        SELECT
            lots.credit_class,
            lots.usable_for,
            lots.usable_in,
            lots.expires_at,
            lots.priority,
            sum(lots.remaining)::bigint AS amount,
            sum(lots.held)::bigint AS held,
            lots.place,
            min(lots.seq) AS first_seq,
            FALSE AS in_no_lot
        FROM lots
        GROUP BY lots.place, lots.credit_class, lots.usable_for, lots.usable_in, lots.expires_at, lots.priority
        UNION ALL
        SELECT
            NULL, NULL, NULL, NULL, ledger_core.plain_priority(),
            now.balance - (SELECT coalesce(sum(lots.remaining), 0) FROM lots)::bigint,
            now.held - (SELECT coalesce(sum(lots.held), 0) FROM lots)::bigint,
            ledger_core.spending_order(NULL, NULL, NULL, NULL, NULL),
            NULL,
            TRUE
        FROM ledger.accounts
        CROSS JOIN LATERAL ledger_core.standing_at(balance_parts.owner_id, balance_parts.asset, v_now) AS now
        WHERE accounts.owner_id = balance_parts.owner_id AND accounts.asset = balance_parts.asset
    )

    SELECT
        parts.credit_class, parts.usable_for, parts.usable_in, parts.expires_at, parts.priority, parts.amount, parts.held
    FROM parts
    WHERE NOT parts.in_no_lot OR parts.amount <> 0 OR parts.held <> 0
    ORDER BY parts.place, parts.in_no_lot, parts.first_seq;
END
$$;

COMMENT ON FUNCTION ledger.balance_parts IS
'What the balance of an owner consists of at this microsecond: a row for each class, use, expiry and priority, in the order in
which they are spent. The rows add up to balance and held of ledger.balance.
credit_class: free, paid, or null. usable_for: for which operations the credits are, usable_in: in which apps; null: all.
expires_at: null if they do not expire. priority: lower ones are spent first. amount: in whole units of the asset; negative in
the row of an overdraft. held: how much of it open holds reserve. No rows for an owner without credits. Raises LG001.';
