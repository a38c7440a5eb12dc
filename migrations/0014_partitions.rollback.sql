DROP TABLE ledger_core.kept_buckets;
