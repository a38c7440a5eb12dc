-- Nothing is open to everybody; what a role may do is said in the file of that role.
REVOKE ALL ON SCHEMA ledger, ledger_core FROM PUBLIC;

REVOKE ALL ON ALL TABLES IN SCHEMA ledger, ledger_core FROM PUBLIC;

REVOKE ALL ON ALL SEQUENCES IN SCHEMA ledger, ledger_core FROM PUBLIC;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger, ledger_core FROM PUBLIC;
