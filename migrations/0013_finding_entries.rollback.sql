DROP INDEX ledger.entries_entry_id_idx;
