CREATE OR REPLACE FUNCTION ledger_core.verify_references(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        'reversal beyond its original', 'entries', reversals.owner_id::text, reversals.asset::text, reversals.reverses_seq,
        jsonb_build_object('original_amount', originals.amount, 'reversed', reversals.amount)
    FROM (
        SELECT entries.owner_id, entries.asset, entries.app, entries.reverses_seq, sum(entries.amount) AS amount
        FROM ledger.entries
        WHERE ledger_core.in_range(entries.owner_id, first, last, included) AND entries.reverses_seq IS NOT NULL
        GROUP BY entries.owner_id, entries.asset, entries.app, entries.reverses_seq
    ) AS reversals
    LEFT JOIN ledger.entries AS originals
        ON reversals.owner_id = originals.owner_id AND reversals.asset = originals.asset
        AND reversals.reverses_seq = originals.seq AND reversals.app = originals.app
    WHERE originals.seq IS NULL OR abs(reversals.amount) > abs(originals.amount)
        OR sign(reversals.amount) = sign(originals.amount);

    RETURN QUERY
    SELECT
        'claim without its entry', 'claims', claims.owner_id::text, claims.asset::text, claims.seq,
        jsonb_build_object('operation', claims.operation, 'subject_kind', claims.subject_kind, 'subject', claims.subject)
    FROM ledger.claims
    LEFT JOIN ledger.entries
        ON claims.owner_id = entries.owner_id AND claims.asset = entries.asset AND claims.seq = entries.seq
        AND claims.operation = entries.operation
        AND claims.subject = CASE claims.subject_kind WHEN 'owner' THEN entries.owner_id ELSE entries.claim_subject END
    WHERE ledger_core.in_range(claims.owner_id, first, last, included) AND entries.seq IS NULL;

    RETURN QUERY
    SELECT
        'adjustment and journal differ', 'operator_actions',
        coalesce(adjustments.owner_id, actions.owner_id)::text, coalesce(adjustments.asset, actions.asset)::text,
        coalesce(adjustments.seq, actions.seq),
        jsonb_build_object('entry', adjustments.metadata, 'actor', actions.actor, 'reason', actions.reason)
    FROM (
        SELECT entries.owner_id, entries.asset, entries.seq, entries.metadata, entries.balance_after
        FROM ledger.entries
        WHERE ledger_core.in_range(entries.owner_id, first, last, included)
            AND entries.app = 'ledger' AND entries.operation = 'ADJUSTMENT'
    ) AS adjustments
    FULL JOIN (
        SELECT * FROM ledger.operator_actions
        WHERE ledger_core.in_range(operator_actions.owner_id, first, last, included)
            AND operator_actions.action = 'adjust_balance'
    ) AS actions
        ON adjustments.owner_id = actions.owner_id AND adjustments.asset = actions.asset AND adjustments.seq = actions.seq
    WHERE (adjustments.metadata ->> 'actor', adjustments.metadata ->> 'reason', adjustments.balance_after)
        IS DISTINCT FROM (actions.actor, actions.reason, (actions.after ->> 'balance')::bigint);

    RETURN QUERY
    SELECT
        'nonce used by a hold and an entry', 'holds', holds.owner_id::text, holds.asset::text, NULL::bigint,
        jsonb_build_object('app', holds.app, 'nonce', holds.nonce)
    FROM ledger.holds
    INNER JOIN ledger.entries ON holds.app = entries.app AND holds.nonce = entries.nonce
    WHERE ledger_core.in_range(holds.owner_id, first, last, included);
END
$$;

COMMENT ON FUNCTION ledger_core.verify_references(text, text, boolean) IS
'Reversals, claims, operator actions and nonces that do not agree with the entries to which they belong.';
