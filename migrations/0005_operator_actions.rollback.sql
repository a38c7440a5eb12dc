DROP TABLE ledger.operator_actions;
