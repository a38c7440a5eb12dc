"""A model of the ledger in plain Python, for tests to compare with."""
