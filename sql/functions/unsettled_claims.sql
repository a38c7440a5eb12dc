CREATE OR REPLACE FUNCTION ledger.unsettled_claims(claims jsonb)
RETURNS TABLE (
    app text, owner_id text, nonce text, operation text, claim_subject text, claim_deadline timestamptz, overdue boolean
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while there are no reservations would go on reading all of them.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
BEGIN
    PERFORM ledger_core.check_claims(unsettled_claims.claims);
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT DISTINCT
            rules.operation,
            rules.claim_limit,
            items.claim_subject,
            ledger_core.claim_scope_app(rules.claim_scope, items.app) AS scope_app,
            ledger_core.claim_period_start(rules.claim_period, rules.claim_time_zone, v_now) AS period_start
        FROM ledger_core.claim_items(unsettled_claims.claims) AS items
        INNER JOIN ledger.operations AS rules ON items.operation = rules.operation
        WHERE rules.claim_limit IS NOT NULL AND items.claim_subject IS NOT NULL
    )

    SELECT
        reserved.app, reserved.owner_id, reserved.nonce, asked.operation, asked.claim_subject, reserved.claim_deadline,
        coalesce(reserved.claim_deadline + ledger_core.reservation_margin() < v_now, FALSE)
    FROM asked
    CROSS JOIN LATERAL (
        SELECT reservations.app, reservations.owner_id, reservations.nonce, reservations.claim_deadline
        FROM ledger.claim_reservations AS reservations
        WHERE reservations.operation = asked.operation AND reservations.claim_subject = asked.claim_subject
            AND reservations.scope_app = asked.scope_app AND reservations.period_start = asked.period_start
            AND reservations.kept_at IS NULL
        UNION ALL
        SELECT NULL, NULL, NULL, NULL
        WHERE asked.claim_limit > (
            SELECT count(*) FROM ledger.claims
            WHERE claims.operation = asked.operation AND claims.subject_kind = 'claim_subject'
                AND claims.subject = asked.claim_subject AND claims.scope_app = asked.scope_app
                AND claims.period_start = asked.period_start AND claims.slot <= asked.claim_limit
        )
    ) AS reserved
    ORDER BY reserved.claim_deadline NULLS FIRST, reserved.app, reserved.nonce;
END
$$;

COMMENT ON FUNCTION ledger.unsettled_claims IS
'The reservations of claim subjects that take a slot of the present period and are not settled, the oldest first.
claims: a JSON array of at most 10000 objects with app, operation and claim_subject of requests that were refused because
of a claim_subject.
A row without app, owner_id, nonce and claim_deadline says that there is a free slot by now.
overdue: the entry can still have been recorded, but the caller who would settle it has had more than a minute since the
claim_deadline. Ask the partition of owner_id what became of it (ledger.claim_outcomes), and settle it here
(ledger.settle_claims). Raises LG001.';
