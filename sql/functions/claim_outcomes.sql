CREATE OR REPLACE FUNCTION ledger.claim_outcomes(claims jsonb)
RETURNS TABLE ("position" integer, outcome text, claim_subject text)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM ledger_core.check_claims(claim_outcomes.claims);
    RETURN QUERY
    SELECT
        items."position",
        ledger_core.claim_outcome(
            items.app, items.owner_id, items.nonce, items.operation, items.claim_subject, items.claim_deadline
        ),
        coalesce(items.claim_subject, entries.claim_subject)
    FROM ledger_core.claim_items(claim_outcomes.claims) AS items
    LEFT JOIN ledger.entries
        ON items.owner_id = entries.owner_id AND items.app = entries.app AND items.nonce = entries.nonce
    ORDER BY items."position";
END
$$;

COMMENT ON FUNCTION ledger.claim_outcomes IS
'What became of requests of owners whom this partition keeps, whose claim_subject other partitions have reserved. Returns
for each, by its position (from 1): recorded; freed (recorded, and reversed with free_claim); lapsed (not recorded, and its
claim_deadline has passed, so that it never will be); open (nobody knows yet); and its claim_subject.
claims: a JSON array of at most 10000 objects with app, owner_id and nonce of the request; operation and claim_subject, if
known: another request under that nonce is not meant; and its claim_deadline, without which nothing has lapsed.
Waits at most a second for each request that is under way. Raises LG001.';
