"""App 2: an AI assistant, paid by the token."""
