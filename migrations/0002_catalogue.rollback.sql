DROP TABLE ledger.app_roles;

DROP TABLE ledger.operation_changes;

DROP TABLE ledger.app_operations;

DROP TABLE ledger.operations;

DROP TABLE ledger.apps;
