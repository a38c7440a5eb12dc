-- PUBLIC may do nothing. The file of each role grants what that role may do.
REVOKE ALL ON SCHEMA ledger, ledger_core FROM PUBLIC;

REVOKE ALL ON ALL TABLES IN SCHEMA ledger, ledger_core FROM PUBLIC;

REVOKE ALL ON ALL SEQUENCES IN SCHEMA ledger, ledger_core FROM PUBLIC;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger, ledger_core FROM PUBLIC;
