"""Verification of the books in the database, checkpoints, and exports verified without it."""
