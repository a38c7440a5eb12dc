-- What take_claim_slots decides when a claim is recorded, told beforehand.
CREATE OR REPLACE FUNCTION ledger.claims_of(owner_id text, asset text DEFAULT 'CREDIT')
RETURNS TABLE (
    operation text,
    app text,
    claim_limit integer,
    claim_period text,
    claim_time_zone text,
    claimed integer,
    last_seq bigint,
    next_eligible_at timestamptz
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
    PERFORM ledger_core.check_known_account(claims_of.owner_id, claims_of.asset);
    RETURN QUERY
    SELECT
        rules.operation, nullif(scopes.app, ''), rules.claim_limit, rules.claim_period, rules.claim_time_zone,
        taken.slots, latest.seq,
        CASE
            WHEN taken.slots < rules.claim_limit THEN v_now
            ELSE ledger_core.next_claim_at(rules.claim_period, rules.claim_time_zone, periods.start)
        END
    FROM ledger.operations AS rules
    CROSS JOIN LATERAL (
        SELECT ledger_core.claim_period_start(rules.claim_period, rules.claim_time_zone, v_now) AS start
    ) AS periods
    CROSS JOIN LATERAL (
        SELECT '' AS app WHERE rules.claim_scope = 'owner'
        UNION ALL
        SELECT sets.app FROM ledger.app_operations AS sets
        WHERE sets.operation = rules.operation AND rules.claim_scope = 'owner_and_app'
    ) AS scopes
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS slots
        FROM ledger.claims
        WHERE claims.operation = rules.operation AND claims.subject_kind = 'owner'
            AND claims.subject = claims_of.owner_id AND claims.owner_id = claims_of.owner_id
            AND claims.scope_app = scopes.app AND claims.period_start = periods.start
            AND claims.slot <= rules.claim_limit
    ) AS taken
    LEFT JOIN LATERAL (
        SELECT claims.seq
        FROM ledger.claims
        WHERE claims.operation = rules.operation AND claims.subject_kind = 'owner'
            AND claims.subject = claims_of.owner_id AND claims.owner_id = claims_of.owner_id
            AND claims.scope_app = scopes.app
        ORDER BY claims.period_start DESC, claims.slot DESC
        LIMIT 1
    ) AS latest ON TRUE
    WHERE rules.asset = claims_of.asset AND rules.claim_limit IS NOT NULL AND rules.retired_at IS NULL
    ORDER BY rules.operation, scopes.app;
END
$$;

COMMENT ON FUNCTION ledger.claims_of IS
'The operations in the asset that have a claim limit, and how far the owner has used it up in the period of this
microsecond. Retired operations are left out.
operation, app: what is limited; app is null if the limit counts over all apps, else there is a row for each app.
claim_limit, claim_period, claim_time_zone: the rule. claimed: claims in this period (ever: in all). last_seq: the entry of
the latest claim, also of an earlier period; null if there is none, or if all were given back.
next_eligible_at: when the owner can claim next: this microsecond, the beginning of the next period, or null: never.
A claim_subject of a request is limited as well, over all owners, which is not known here.
A row for each limit also for an owner never seen. Raises LG001.';
