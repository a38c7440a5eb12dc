-- requires: dropped/0.1_signatures, functions/core/lots/lots_at
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
    recorded_at timestamptz,
    credit_class text,
    priority integer,
    usable_for text [],
    usable_in text []
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
    v_after bytea;
BEGIN
    PERFORM ledger_core.check_known_account(lots_of.owner_id, lots_of.asset);
    PERFORM ledger_core.check_at_most('max_rows', lots_of.max_rows, ledger_core.max_page());
    IF lots_of.after_seq IS NOT NULL THEN
        SELECT place INTO v_after
        FROM (
            SELECT ledger_core.spending_order(
                lots.priority, lots.expires_at, lots.usable_for, lots.usable_in, lots.credit_class
            ) AS place
            FROM ledger.lots
            WHERE lots.owner_id = lots_of.owner_id AND lots.asset = lots_of.asset AND lots.seq = lots_of.after_seq
            UNION ALL
            SELECT now.place
            FROM ledger_core.lots_at(lots_of.owner_id, lots_of.asset, v_now) AS now
            WHERE now.seq = lots_of.after_seq
        ) AS earlier
        LIMIT 1;
        IF NOT FOUND THEN
            PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
                'field', 'after_seq', 'reason', 'must be the seq of an earlier row, or null for the first'
            ));
        END IF;
    END IF;
    RETURN QUERY
    WITH open AS (
        SELECT now.*
        FROM ledger_core.lots_at(lots_of.owner_id, lots_of.asset, v_now) AS now
        WHERE lots_of.after_seq IS NULL OR (now.place, now.seq) > (v_after, lots_of.after_seq)
        ORDER BY now.place, now.seq
        LIMIT lots_of.max_rows
    )

    SELECT
        open.seq, coalesce(open.app, granted.app), coalesce(open.operation, granted.operation),
        coalesce(open.nonce, granted.nonce), open.amount, open.remaining, open.held, open.expires_at,
        coalesce(open.granted_at, granted.recorded_at), open.credit_class, open.priority, open.usable_for, open.usable_in
    FROM open
    LEFT JOIN LATERAL (
        SELECT entries.app, entries.operation, entries.nonce, entries.recorded_at
        FROM ledger.entries
        WHERE entries.owner_id = lots_of.owner_id AND entries.asset = lots_of.asset AND entries.seq = open.seq
        OFFSET 0
    ) AS granted ON TRUE
    ORDER BY open.place, open.seq;
END
$$;

COMMENT ON FUNCTION ledger.lots_of IS
'The lots of an account (credits that expire, or have a class, a priority or a limited use, by the entry that granted them) with
something left at this microsecond, in the order in which they are spent: at most max_rows (1 to 1000) of those after the lot
after_seq (null: from the first). The seq of the last row is the next after_seq.
seq, app, operation, nonce, recorded_at: the entry that granted the credits. amount: how many it granted, in whole units of
the asset; if it is not posted yet, as it will be (null: the nonce of what is carried over). remaining: how many are left. held: how many of these open holds reserve; they are not spent otherwise, and do not
expire until their hold ends. What happens by the clock counts even if it is not posted yet. expires_at: null if they do not.
credit_class: free, paid, or null. priority: lower ones are spent first. usable_for: for which operations the credits are,
usable_in: in which apps; null: all.
Other credits are in no lot. They are spent after lots of priority 100 or less. No rows for an unknown owner. Raises LG001.';
