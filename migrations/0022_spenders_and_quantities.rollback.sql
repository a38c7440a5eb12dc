-- The functions come back with the code.
DROP TYPE ledger.entry_row, ledger.recorded_row, ledger.batch_row, ledger.feed_row, ledger.hold_row CASCADE;

DROP VIEW IF EXISTS ledger.entry_journal;

ALTER TABLE ledger.entries
DROP COLUMN overdrawn,
DROP COLUMN rounding,
DROP COLUMN unit_size,
DROP COLUMN unit_amount,
DROP COLUMN quantity,
DROP COLUMN spender;
