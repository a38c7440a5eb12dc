"""What the ledger should do, said a second time: in plain Python, for tests to compare with."""
