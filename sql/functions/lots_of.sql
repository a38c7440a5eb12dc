CREATE OR REPLACE FUNCTION ledger.lots_of(
    owner_id text,
    asset text DEFAULT 'CREDIT',
    after_seq bigint DEFAULT NULL,
    max_rows integer DEFAULT 50
)
RETURNS TABLE (
    seq bigint,
    app text,
    operation text,
    nonce text,
    amount bigint,
    remaining bigint,
    held bigint,
    expires_at timestamptz,
    recorded_at timestamptz
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
    v_after timestamptz := '-infinity';
BEGIN
    PERFORM ledger_core.check_known_account(lots_of.owner_id, lots_of.asset);
    PERFORM ledger_core.check_at_most('max_rows', lots_of.max_rows, ledger_core.max_page());
    IF lots_of.after_seq IS NOT NULL THEN
        SELECT expires_at INTO v_after
        FROM (
            SELECT lots.expires_at
            FROM ledger.lots
            WHERE lots.owner_id = lots_of.owner_id AND lots.asset = lots_of.asset AND lots.seq = lots_of.after_seq
            UNION ALL
            SELECT due.expires_at
            FROM ledger_core.clock_events(lots_of.owner_id, lots_of.asset, v_now, v_now) AS due
            WHERE due.kind IN ('allowance', 'carry_over') AND due.seq = lots_of.after_seq
        ) AS earlier;
        IF NOT FOUND OR v_after IS NULL THEN
            PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
                'field', 'after_seq', 'reason', 'must be the seq of an earlier row, or null for the first'
            ));
        END IF;
    END IF;
    RETURN QUERY
    WITH ended AS MATERIALIZED (
        -- What is freed by holds that are over and not posted yet.
        SELECT hold_lots.lot_seq, sum(hold_lots.amount)::bigint AS amount
        FROM ledger.holds
        INNER JOIN ledger.hold_lots
            ON holds.owner_id = hold_lots.owner_id AND holds.app = hold_lots.app AND holds.nonce = hold_lots.hold_nonce
        WHERE holds.owner_id = lots_of.owner_id AND holds.asset = lots_of.asset
            AND holds.status = 'open' AND holds.expires_at <= v_now
            AND hold_lots.owner_id = lots_of.owner_id AND hold_lots.asset = lots_of.asset
        GROUP BY hold_lots.lot_seq
    ),

    open AS (
        SELECT
            now.seq, now.amount, now.expires_at, now.held,
            -- What has expired counts as gone although that may not be posted yet.
            CASE WHEN now.expires_at > v_now THEN now.remaining ELSE now.held END AS remaining,
            now.app, now.operation, now.nonce, now.at
        FROM (
            SELECT
                lots.seq, lots.amount, lots.remaining, lots.expires_at, lots.held - coalesce(ended.amount, 0) AS held,
                NULL AS app, NULL AS operation, NULL AS nonce, NULL::timestamptz AS at
            FROM ledger.lots
            LEFT JOIN ended ON lots.seq = ended.lot_seq
            WHERE lots.owner_id = lots_of.owner_id AND lots.asset = lots_of.asset AND lots.remaining > 0
                AND lots.expires_at >= v_after
            UNION ALL
            -- What has come from allowances and is not posted yet
            SELECT
                due.seq, due.amount, due.free, due.expires_at, 0,
                CASE due.kind WHEN 'allowance' THEN due.app ELSE 'ledger' END, due.operation,
                CASE due.kind WHEN 'allowance' THEN ledger_core.nonce_of_allowance(due.nonce, due.occurrence) END,
                due.at
            FROM ledger_core.clock_events(lots_of.owner_id, lots_of.asset, v_now, v_now) AS due
            WHERE due.kind IN ('allowance', 'carry_over') AND due.free > 0 AND due.expires_at > v_now
                AND due.expires_at >= v_after
        ) AS now
        WHERE (now.expires_at > v_after OR now.seq > lots_of.after_seq)
            AND (now.expires_at > v_now OR now.held > 0)
        ORDER BY now.expires_at, now.seq
        LIMIT lots_of.max_rows
    )

    SELECT
        open.seq, coalesce(open.app, granted.app), coalesce(open.operation, granted.operation),
        coalesce(open.nonce, granted.nonce), open.amount, open.remaining, open.held, open.expires_at,
        coalesce(open.at, granted.recorded_at)
    FROM open
    LEFT JOIN LATERAL (
        SELECT entries.app, entries.operation, entries.nonce, entries.recorded_at
        FROM ledger.entries
        WHERE entries.owner_id = lots_of.owner_id AND entries.asset = lots_of.asset AND entries.seq = open.seq
        OFFSET 0
    ) AS granted ON TRUE
    ORDER BY open.expires_at, open.seq;
END
$$;

COMMENT ON FUNCTION ledger.lots_of IS
'The lots of an account (credits that expire, by the entry that granted them) with something left at this microsecond, in
the order in which they are spent: at most max_rows (1 to 1000) of those after the lot after_seq (null: from the first).
The seq of the last row is the next after_seq.
seq, app, operation, nonce, recorded_at: the entry that granted the credits. amount: how many it granted, in whole units of
the asset; if it is not posted yet, as it will be (null: the nonce of what is carried over). remaining: how many are left. held: how many of these open holds reserve; they are not spent otherwise, and do not
expire until their hold ends. Expiries and ends of holds count even if they are not posted yet.
Credits that do not expire are spent last and are in no lot. No rows for an unknown owner. Raises LG001.';
