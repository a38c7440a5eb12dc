COMMENT ON COLUMN ledger.entries.hash IS 'SHA-256 over the previous entry''s hash and this entry; see ledger_core.entry_bytes.';

COMMENT ON COLUMN ledger.operation_changes.hash IS 'SHA-256 over the hash of the line before and this line; see ledger_core.change_bytes.';

COMMENT ON COLUMN ledger.operator_actions.hash IS 'SHA-256 over the hash of the account''s line before and this line; see ledger_core.action_bytes.';

COMMENT ON COLUMN ledger.hold_events.hash IS 'SHA-256 over the hash of the account''s line before and this line; see ledger_core.hold_event_bytes.';
