DROP VIEW ledger.entry_journal;

ALTER TABLE ledger.entries
DROP COLUMN overdrawn,
DROP COLUMN rounding,
DROP COLUMN unit_size,
DROP COLUMN unit_amount,
DROP COLUMN quantity,
DROP COLUMN spender;
