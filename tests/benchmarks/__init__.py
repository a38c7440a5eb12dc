"""Measures the ledger against floors of the same run; `README.md` says how to read the figures."""
