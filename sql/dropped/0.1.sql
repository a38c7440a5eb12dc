-- Functions of release 0.1 that are no longer there. Loaded last: views and functions no longer use them by then.
DROP FUNCTION IF EXISTS
    ledger_core.add_interval,
    ledger_core.verify_changes,
    ledger_core.take_claims;
