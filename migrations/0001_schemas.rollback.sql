-- ledger_core stays: it holds the record of the migrations themselves.
DROP SCHEMA ledger;
