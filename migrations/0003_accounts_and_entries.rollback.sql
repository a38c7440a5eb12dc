DROP TYPE ledger.discrepancy;

DROP TYPE ledger.feed_entry;

DROP TYPE ledger.batch_result;

DROP TYPE ledger.recorded_entry;

DROP TYPE ledger.entry;

DROP TABLE ledger.entries;

DROP SEQUENCE ledger_core.entry_ids;

DROP TYPE ledger_core.account_state;

DROP TABLE ledger.accounts;
