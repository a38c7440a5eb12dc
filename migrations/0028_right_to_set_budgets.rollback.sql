ALTER TABLE ledger.app_roles DROP COLUMN may_set_budgets;
