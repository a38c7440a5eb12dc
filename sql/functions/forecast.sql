CREATE OR REPLACE FUNCTION ledger.forecast(
    owner_id text,
    asset text DEFAULT 'CREDIT',
    until timestamptz DEFAULT NULL,
    max_rows integer DEFAULT 1000
)
RETURNS TABLE (
    at timestamptz,
    kind text,
    amount bigint,
    balance bigint,
    held bigint,
    seq bigint,
    app text,
    operation text,
    nonce text
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
    v_until timestamptz;
BEGIN
    PERFORM ledger_core.check_known_account(forecast.owner_id, forecast.asset);
    PERFORM ledger_core.check_at_most('max_rows', forecast.max_rows, ledger_core.max_page());
    -- Not after so many lots or so many holds have ended: the events until then are enough.
    v_until := least(
        forecast.until,
        (
            SELECT lots.expires_at
            FROM ledger.lots
            WHERE lots.owner_id = forecast.owner_id AND lots.asset = forecast.asset
                AND lots.remaining > 0 AND lots.remaining > lots.held AND lots.expires_at > v_now
            ORDER BY lots.expires_at
            OFFSET forecast.max_rows - 1 LIMIT 1
        ),
        (
            SELECT holds.expires_at
            FROM ledger.holds
            WHERE holds.owner_id = forecast.owner_id AND holds.asset = forecast.asset
                AND holds.status = 'open' AND holds.expires_at > v_now
            ORDER BY holds.expires_at
            OFFSET forecast.max_rows - 1 LIMIT 1
        ),
        -- The last time that every client can read
        '9998-12-31 23:59:59.999999Z'
    );
    RETURN QUERY
    WITH coming AS MATERIALIZED (
        SELECT row_number() OVER () AS number, due.*
        FROM ledger_core.clock_events(
            forecast.owner_id, forecast.asset, v_now, v_until, forecast.max_rows
        ) AS due
        WHERE due.at > v_now
        LIMIT forecast.max_rows
    )

    SELECT
        coming.at, coming.kind, coming.amount, coming.balance, coming.held,
        CASE WHEN coming.kind NOT IN ('allowance', 'carry_over') THEN coming.seq END,
        coalesce(coming.app, subject.app), coalesce(coming.operation, subject.operation),
        coalesce(coming.nonce, subject.nonce)
    FROM coming
    LEFT JOIN LATERAL (
        SELECT entries.app, entries.operation, entries.nonce
        FROM ledger.entries
        WHERE entries.owner_id = forecast.owner_id AND entries.asset = forecast.asset AND entries.seq = coming.seq
        UNION ALL
        SELECT holds.app, holds.operation, holds.nonce
        FROM ledger.holds
        WHERE holds.owner_id = forecast.owner_id AND holds.app = coming.app AND holds.nonce = coming.nonce
        OFFSET 0
    ) AS subject ON TRUE
    ORDER BY coming.number;
END
$$;

COMMENT ON FUNCTION ledger.forecast IS
'What will happen to an account by the clock alone, if nobody calls: the first max_rows (1 to 1000) events after this
microsecond and not after until (null: all up to the year 9998), in the order of time. Exact: it is computed from what is recorded.
kind expiry: credits of the lot seq expire; amount is the change of the balance (negative), in whole units of the asset. If a
hold reserves them longer, they expire when it ends. kind hold_end: a hold expires; amount is what it still reserves and
gives back, and the balance stays. kind allowance: credits come; kind carry_over: of what is left of an allowance, so much goes
on as new credits.
balance, held: of the account afterwards. seq: the entry that granted the credits; null for a hold, and for credits that have yet to come. app, operation, nonce:
of that entry, or of the hold; of what comes from an allowance, the nonce of that. At equal times, holds end first, and then
credits expire. No rows for an unknown owner. Raises LG001.';
