ALTER TABLE ledger.accounts DROP COLUMN in_order_from;

COMMENT ON COLUMN ledger.entries.recorded_at IS NULL;

COMMENT ON COLUMN ledger.accounts.last_entry_at IS NULL;
