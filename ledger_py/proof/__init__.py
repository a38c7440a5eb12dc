"""Proving the books: verification in the database, checkpoints, and exports verified outside it."""
