-- Which budgets a spender is under, for all that asks. Inlined by the planner wherever it is used.
--
-- Of the budgets of one name one applies: the owner's own before that of everybody, and of each that of the named spender
-- before that of each spender (*). Budgets of all spenders together (spender '') and those of single spenders are not mixed
-- under one name, so an owner's own replaces a definition of the other kind as a whole.
CREATE OR REPLACE FUNCTION ledger_core.budgets_that_apply(owner_id text, asset text, spender text)
RETURNS TABLE (
    budget text,
    rule_spender text,
    use_spender text,
    most bigint,
    period text,
    app text,
    operation text,
    time_zone text,
    use_id bigint,
    own boolean
)
LANGUAGE sql
STABLE
AS $$
SELECT
    own.budget,
    own.spender,
    CASE WHEN own.spender = '' THEN '' ELSE budgets_that_apply.spender END COLLATE "C",
    own.most,
    own.period,
    own.app,
    own.operation,
    own.time_zone,
    0::bigint,
    TRUE
FROM ledger.budgets AS own
WHERE own.owner_id = budgets_that_apply.owner_id AND own.asset = budgets_that_apply.asset
    AND (own.spender = '' OR (budgets_that_apply.spender IS NOT NULL AND own.spender IN ('*', budgets_that_apply.spender)))
    AND NOT (
        own.spender = '*' AND budgets_that_apply.spender <> '*' AND EXISTS (
            SELECT 1 FROM ledger.budgets AS named
            WHERE named.owner_id = budgets_that_apply.owner_id AND named.asset = budgets_that_apply.asset
                AND named.budget = own.budget AND named.spender = budgets_that_apply.spender
        )
    )
UNION ALL
SELECT
    defined.budget,
    defined.spender,
    CASE WHEN defined.spender = '' THEN '' ELSE budgets_that_apply.spender END COLLATE "C",
    defined.most,
    defined.period,
    defined.app,
    defined.operation,
    defined.time_zone,
    defined.use_id,
    FALSE
FROM ledger.budget_definitions AS defined
WHERE defined.asset = budgets_that_apply.asset
    AND (
        defined.spender = ''
        OR (budgets_that_apply.spender IS NOT NULL AND defined.spender IN ('*', budgets_that_apply.spender))
    )
    AND NOT (
        defined.spender = '*' AND budgets_that_apply.spender <> '*' AND EXISTS (
            SELECT 1 FROM ledger.budget_definitions AS named
            WHERE named.asset = budgets_that_apply.asset AND named.budget = defined.budget
                AND named.spender = budgets_that_apply.spender
        )
    )
    AND NOT EXISTS (
        SELECT 1 FROM ledger.budgets AS own
        WHERE own.owner_id = budgets_that_apply.owner_id AND own.asset = budgets_that_apply.asset
            AND own.budget = defined.budget
            AND (defined.spender = '' OR own.spender IN ('', '*', budgets_that_apply.spender))
    )
$$;

COMMENT ON FUNCTION ledger_core.budgets_that_apply IS
'The budgets that a spender of the owner is under; null: a request without spender, which those of single spenders leave
alone. rule_spender: the budget''s spender, empty for all together. use_spender: whose use counts, as in ledger.budget_use.
app, operation: what it counts, null for any. use_id: as in ledger.budget_use. own: set for this owner.';
