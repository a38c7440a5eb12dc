CREATE OR REPLACE FUNCTION ledger_core.verify_entries(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        checks.problem, 'entries', chained.owner_id::text, chained.asset::text, chained.seq,
        jsonb_build_object('nonce', chained.nonce, 'expected', checks.expected, 'found', checks.found)
    FROM (
        SELECT
            entries.*,
            coalesce(lag(entries.seq) OVER account, 0) AS previous_seq,
            coalesce(lag(entries.balance_after) OVER account, 0) AS previous_balance,
            coalesce(lag(entries.recorded_at) OVER account, '-infinity') AS previous_time,
            coalesce(lag(entries.hash) OVER account, decode(repeat('00', 32), 'hex')) AS previous_hash
        FROM ledger.entries
        WHERE ledger_core.in_range(entries.owner_id, first, last, included)
        WINDOW account AS (PARTITION BY entries.owner_id, entries.asset ORDER BY entries.seq)
    ) AS chained
    CROSS JOIN LATERAL (
        VALUES
        ('seq not in order', (chained.previous_seq + 1)::text, chained.seq::text),
        ('balance_after wrong', (chained.previous_balance + chained.amount)::text, chained.balance_after::text),
        (
            'recorded_at runs backwards', greatest(chained.previous_time, chained.recorded_at)::text,
            chained.recorded_at::text
        ),
        (
            'hash wrong',
            encode(ledger_core.chain_hash(chained.previous_hash, ledger_core.entry_bytes(
                chained.seq, chained.entry_id, chained.amount, chained.balance_after, chained.recorded_at,
                chained.xact_id, chained.owner_id, chained.asset, chained.app, chained.operation, chained.nonce,
                chained.amount_defaulted, chained.expiry_defaulted, chained.metadata, chained.expires_at,
                chained.claim_subject, chained.hold_nonce, chained.hold_final, chained.reverses_seq
            )), 'hex'),
            encode(chained.hash, 'hex')
        )
    ) AS checks (problem, expected, found)
    WHERE checks.expected <> checks.found;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_entries(text, text, boolean) IS
'Entries whose number, balance, time or hash does not follow from the entry before.';
