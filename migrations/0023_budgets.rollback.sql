DROP FUNCTION IF EXISTS ledger.set_budget;

DROP FUNCTION IF EXISTS ledger.budgets_of;

DROP TYPE ledger.budget;

-- These come back with the code.
DROP FUNCTION IF EXISTS ledger_core.noted_definition, ledger_core.check_budget, ledger_core.noted_budget, ledger_core.set_budget,
    ledger_core.is_counted_at_once;

DROP FUNCTION IF EXISTS ledger_core.budgets_that_apply;

ALTER TABLE ledger.accounts DROP COLUMN has_budgets;

DROP TABLE ledger.budget_use;

DROP TABLE ledger_core.budget_version;

DROP TABLE ledger.budgets;

DROP TABLE ledger.budget_definitions;

DROP SEQUENCE ledger_core.budget_use_ids;
