CREATE OR REPLACE VIEW ledger.proofs AS
SELECT
    proofs.kind,
    proofs.role_name,
    proofs.noted_at,
    proofs.discrepancies
FROM ledger_core.proofs;

COMMENT ON VIEW ledger.proofs IS
'When each login last verified the whole ledger (kind verify) or took a checkpoint, with the number of discrepancies found.
Each login notes its own proofs: rely on the logins that you trust.';
