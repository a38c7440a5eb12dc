CREATE OR REPLACE FUNCTION ledger_core.verify_references(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        'operation not in the set of the app', 'entries', entries.owner_id::text, entries.asset::text, entries.seq,
        jsonb_build_object('nonce', entries.nonce, 'app', entries.app, 'operation', entries.operation)
    FROM ledger.entries
    LEFT JOIN ledger.operation_sets AS sets
        ON entries.app = sets.app AND entries.operation = sets.operation AND entries.asset = sets.asset
    LEFT JOIN ledger.apps ON entries.app = apps.app
    WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
        AND CASE entries.operation
            WHEN 'REVERSAL' THEN apps.app IS NOT NULL AND entries.reverses_seq < entries.seq
            WHEN 'EXPIRY' THEN entries.app = 'ledger' AND entries.amount < 0 AND entries.reverses_seq IS NULL
            WHEN 'FORFEITURE' THEN entries.app = 'ledger' AND entries.amount < 0 AND entries.reverses_seq IS NULL
            WHEN 'CARRY_OVER' THEN entries.app = 'ledger' AND entries.amount > 0 AND entries.reverses_seq IS NULL
                AND EXISTS (
                    SELECT 1 FROM ledger.allowance_entries AS made
                    WHERE made.owner_id = entries.owner_id AND made.asset = entries.asset AND made.seq = entries.seq
                )
            WHEN 'ADJUSTMENT' THEN entries.app = 'ledger' AND entries.reverses_seq IS NULL
            WHEN 'ACCOUNT_MOVE' THEN entries.app = 'ledger' AND entries.reverses_seq IS NULL AND entries.peer_seq IS NOT NULL
            ELSE sets.app IS NOT NULL AND entries.reverses_seq IS NULL
        END IS NOT TRUE;

    RETURN QUERY
    SELECT
        'reversal beyond its original', 'entries', reversals.owner_id::text, reversals.asset::text, reversals.reverses_seq,
        jsonb_build_object('original_amount', originals.amount, 'reversed', reversals.amount)
    FROM (
        SELECT entries.owner_id, entries.asset, entries.app, entries.reverses_seq, sum(entries.amount) AS amount
        FROM ledger.entries
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included) AND entries.reverses_seq IS NOT NULL
        GROUP BY entries.owner_id, entries.asset, entries.app, entries.reverses_seq
    ) AS reversals
    LEFT JOIN ledger.entries AS originals
        ON reversals.owner_id = originals.owner_id AND reversals.asset = originals.asset
        AND reversals.reverses_seq = originals.seq AND reversals.app = originals.app
        AND ledger_core.owner_in_range(originals.owner_id, first, last, included)
    WHERE originals.seq IS NULL OR originals.reverses_seq IS NOT NULL OR abs(reversals.amount) > abs(originals.amount)
        OR sign(reversals.amount) = sign(originals.amount);

    RETURN QUERY SELECT * FROM ledger_core.verify_claims(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_reservations(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_actions(first, last, included);

    RETURN QUERY
    SELECT
        'nonce used by a hold and an entry', 'holds', shared.owner_id, shared.asset, NULL::bigint,
        jsonb_build_object('app', shared.app, 'nonce', shared.nonce)
    FROM ledger_core.shared_nonces(first, last, included) AS shared;

    RETURN QUERY
    SELECT
        'nonce not taken', 'holds', holds.owner_id::text, holds.asset::text, NULL::bigint,
        jsonb_build_object('app', holds.app, 'nonce', holds.nonce)
    FROM ledger.holds
    LEFT JOIN ledger_core.nonces AS taken ON holds.app = taken.app AND holds.nonce = taken.nonce
    WHERE ledger_core.owner_in_range(holds.owner_id, first, last, included) AND taken.nonce IS NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_references IS
'Entries, reversals, claims, operator actions and nonces that do not agree with the catalogue or with the entries that they
refer to.';
