-- Without operations there is no history of them. The guard comes back with the code.
DROP TRIGGER IF EXISTS operation_changes_append_only ON ledger.operation_changes;

DELETE FROM ledger.operation_changes;

DELETE FROM ledger.operations
WHERE operation IN ('DAILY_REWARD', 'SIGNUP_CREDIT', 'CREDIT_SPEND', 'CREDIT_ADD');
