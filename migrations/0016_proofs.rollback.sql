-- The view comes back with the code.
DROP VIEW IF EXISTS ledger.proofs;

DROP TABLE ledger_core.proofs;
