"""The applications that share the ledger, a folder each."""
