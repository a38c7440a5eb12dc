-- requires: functions/core/budgets/budgets_that_apply
CREATE OR REPLACE FUNCTION ledger_core.move_in_budgets(
    owner_id text, asset text, app text, operation text, spender text, at timestamptz, spent bigint, held bigint
)
RETURNS void
LANGUAGE plpgsql
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    -- What is not kept, or is of another period or rule, is made anew from entries and holds before it is used.
    UPDATE ledger.budget_use
    SET spent = budget_use.spent + move_in_budgets.spent, held = budget_use.held + move_in_budgets.held
    FROM ledger_core.budgets_that_apply(
        move_in_budgets.owner_id, move_in_budgets.asset, move_in_budgets.spender
    ) AS rules
    WHERE budget_use.owner_id = move_in_budgets.owner_id AND budget_use.asset = move_in_budgets.asset
        AND budget_use.budget = rules.budget AND budget_use.spender = rules.use_spender
        AND budget_use.use_id = rules.use_id
        AND budget_use.period_start <= move_in_budgets.at AND budget_use.period_end > move_in_budgets.at
        AND (rules.app IS NULL OR rules.app = move_in_budgets.app)
        AND (rules.operation IS NULL OR rules.operation = move_in_budgets.operation);
END
$$;

COMMENT ON FUNCTION ledger_core.move_in_budgets IS
'Adds to what budgets of a locked account have counted (spent, held: negative for less) for a debit or a hold that is in them
as of the given time: for captures, ends of holds and reversals. They never need more than was counted, so nothing is
refused.';
