-- The one place that says what an entry did, for the sums of finance.
CREATE OR REPLACE VIEW ledger_core.movements AS
SELECT
    entries.owner_id,
    entries.asset,
    entries.seq,
    entries.recorded_at,
    entries.amount,
    CASE
        WHEN entries.peer_seq IS NOT NULL THEN 'transferred'
        WHEN entries.operation = 'EXPIRY' THEN 'expired'
        WHEN entries.operation = 'CARRY_OVER' THEN 'carried over'
        WHEN entries.operation = 'FORFEITURE' THEN 'forfeited'
        WHEN entries.operation = 'REVERSAL' THEN 'reversed'
        WHEN entries.operation = 'ADJUSTMENT' THEN 'adjusted'
        WHEN entries.amount > 0 THEN 'issued'
        ELSE 'spent'
    END AS movement,
    entries.credit_class
FROM ledger.entries;

COMMENT ON VIEW ledger_core.movements IS
'Every entry with what it did: issued, carried over, spent, expired, forfeited, reversed, adjusted or
transferred (to or from another owner, or that taken back); credit_class: of the credits that it granted.';
