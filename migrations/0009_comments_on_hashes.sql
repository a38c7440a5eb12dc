-- The functions that hash a row have new names. A comment locks no reader and no writer.
-- depends: 0008_cheaper_checks

COMMENT ON COLUMN ledger.entries.hash IS 'SHA-256 over the previous entry''s hash and this entry; see ledger_core.hashed_entry.';

COMMENT ON COLUMN ledger.operation_changes.hash IS 'SHA-256 over the hash of the line before and this line; see ledger_core.hashed_change.';

COMMENT ON COLUMN ledger.operator_actions.hash IS 'SHA-256 over the hash of the account''s line before and this line; see ledger_core.hashed_action.';

COMMENT ON COLUMN ledger.hold_events.hash IS 'SHA-256 over the hash of the account''s line before and this line; see ledger_core.hashed_hold_event.';
