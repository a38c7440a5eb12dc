CREATE OR REPLACE FUNCTION ledger.settle_claims(app text, claims jsonb)
RETURNS TABLE ("position" integer, settled text)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM ledger_core.check_claims(settle_claims.claims);
    PERFORM ledger_core.check_authorized(settle_claims.app);
    IF EXISTS (
        SELECT 1 FROM ledger_core.claim_items(settle_claims.claims) AS items
        WHERE coalesce(items.outcome NOT IN ('recorded', 'refused', 'freed', 'lapsed', 'open'), TRUE)
    ) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'outcome', 'reason', 'must be recorded, refused, freed, lapsed or open'
        ));
    END IF;
    RETURN QUERY
    SELECT
        items."position",
        ledger_core.settle_claim(
            coalesce(items.app, settle_claims.app), items.owner_id, items.nonce, items.claim_deadline, items.outcome,
            items.app IS NULL OR items.app = settle_claims.app
        )
    FROM (
        SELECT * FROM ledger_core.claim_items(settle_claims.claims) AS listed
        ORDER BY listed.nonce COLLATE "C", listed."position"
    ) AS items;
END
$$;

COMMENT ON FUNCTION ledger.settle_claims IS
'Ends reservations of ledger.reserve_claims, and returns for each, by its position (from 1), what became of it: kept,
given_back, reserved (nothing could be decided) or unknown (there is none).
claims: a JSON array of at most 10000 objects with owner_id, nonce, claim_deadline and outcome: recorded (keep it); refused
(give it back: the only attempt to record it, which had this deadline, was refused); freed (give it back: it was recorded,
and reversed with free_claim); lapsed (give it back: ledger.claim_outcomes says so, and a minute has passed since the
deadline); open (leave it). With app, also those of other apps that are overdue (recorded, lapsed).
Repeating it changes nothing. Raises LG001, LG101, LG401.';
