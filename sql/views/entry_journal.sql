CREATE OR REPLACE VIEW ledger.entry_journal AS
SELECT
    entries.owner_id,
    entries.asset,
    entries.seq,
    entries.recorded_at,
    entries.app,
    entries.operation,
    entries.amount,
    entries.balance_after,
    entries.nonce,
    entries.metadata,
    entries.expires_at,
    entries.claim_subject,
    entries.hold_nonce,
    entries.reverses_seq,
    coalesce(reversals.amount, 0) AS reversed_amount,
    entries.entry_id,
    encode(entries.hash, 'hex') AS hash,
    entries.spender,
    entries.quantity,
    entries.unit_amount,
    entries.unit_size,
    entries.rounding,
    entries.overdrawn,
    entries.credit_class,
    entries.priority,
    entries.usable_for,
    entries.usable_in,
    entries.peer_owner_id,
    entries.peer_seq
FROM ledger.entries
LEFT JOIN LATERAL (
    SELECT sum(abs(reversal.amount))::bigint AS amount
    FROM ledger.entries AS reversal
    WHERE reversal.owner_id = entries.owner_id AND reversal.asset = entries.asset
        AND reversal.reverses_seq = entries.seq
) AS reversals ON TRUE;

COMMENT ON VIEW ledger.entry_journal IS
'Every entry, with the balance after it and how much of it was reversed (reversed_amount, positive).
A reversal names its original in reverses_seq. Order by owner_id, asset, seq.';
