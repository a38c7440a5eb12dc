"""A ledger that is shared out over several PostgreSQL servers, its partitions."""
