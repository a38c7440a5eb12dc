"""Mistakes that are planted in the ledger, each of which the model must find."""
