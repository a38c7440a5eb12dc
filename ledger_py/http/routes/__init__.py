"""The routes of a service, one module per subject."""
