"""An app of the ledger in a repository of its own."""
