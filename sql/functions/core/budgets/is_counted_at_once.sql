-- A plain expression, so that the planner inlines it. The version is left to the callers: an expression with a query is not.
CREATE OR REPLACE FUNCTION ledger_core.is_counted_at_once(
    kept ledger.budget_use, app text, operation text, spender text, at timestamptz, amount bigint
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$
SELECT kept.spent + kept.held + amount <= kept.only_most
    AND kept.period_start <= at AND kept.period_end > at
    AND (kept.spender = '' OR kept.spender = spender)
    AND (kept.only_app IS NULL OR kept.only_app = app)
    AND (kept.only_operation IS NULL OR kept.only_operation = operation)
$$;

COMMENT ON FUNCTION ledger_core.is_counted_at_once IS
'Whether a request of the given time is counted in this use of a budget and in no other, and amount (positive) does not take it
beyond its most: then one UPDATE counts it, if the version is that of ledger_core.budget_version
(ledger_core.note_only_budget). Everything else is for ledger_core.count_in_budgets.';
