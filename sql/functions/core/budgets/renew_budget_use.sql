CREATE OR REPLACE FUNCTION ledger_core.renew_budget_use(
    owner_id text,
    asset text,
    budget text,
    rule_spender text,
    use_spender text,
    app text,
    operation text,
    use_id bigint,
    since timestamptz,
    until timestamptz,
    spent bigint DEFAULT 0,
    held bigint DEFAULT 0
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    -- Spenders who are named by a rule of their own have a row of their own. The row of no spender says that those of all
    -- others are there: who has none has used nothing.
    IF renew_budget_use.rule_spender = '*' AND NOT EXISTS (
        SELECT 1 FROM ledger.budget_use
        WHERE owner_id = renew_budget_use.owner_id AND asset = renew_budget_use.asset
            AND budget = renew_budget_use.budget AND spender = ''
            AND use_id = renew_budget_use.use_id AND period_start = renew_budget_use.since
            AND period_end = renew_budget_use.until
    ) THEN
        DELETE FROM ledger.budget_use
        WHERE owner_id = renew_budget_use.owner_id AND asset = renew_budget_use.asset
            AND budget = renew_budget_use.budget
            AND NOT EXISTS (
                SELECT 1 FROM ledger_core.budgets_that_apply(
                    renew_budget_use.owner_id, renew_budget_use.asset, nullif(budget_use.spender, '')
                ) AS rules
                WHERE rules.budget = renew_budget_use.budget AND rules.rule_spender <> '*'
            );
        INSERT INTO ledger.budget_use (
            owner_id, asset, budget, spender, use_id, period_start, period_end, spent, held
        )
        SELECT
            renew_budget_use.owner_id, renew_budget_use.asset, renew_budget_use.budget, used.spender,
            renew_budget_use.use_id, renew_budget_use.since, renew_budget_use.until,
            used.spent - CASE used.spender WHEN renew_budget_use.use_spender THEN renew_budget_use.spent ELSE 0 END,
            used.held - CASE used.spender WHEN renew_budget_use.use_spender THEN renew_budget_use.held ELSE 0 END
        FROM (
            SELECT '' AS spender, 0 AS spent, 0 AS held
            UNION ALL
            SELECT used.spender, used.spent, used.held
            FROM ledger_core.budget_used(
                renew_budget_use.owner_id, renew_budget_use.asset, renew_budget_use.app, renew_budget_use.operation,
                renew_budget_use.since, renew_budget_use.until
            ) AS used
            WHERE used.spender <> '' AND EXISTS (
                SELECT 1 FROM ledger_core.budgets_that_apply(
                    renew_budget_use.owner_id, renew_budget_use.asset, used.spender
                ) AS rules
                WHERE rules.budget = renew_budget_use.budget AND rules.rule_spender = '*'
            )
        ) AS used;
    END IF;
    INSERT INTO ledger.budget_use AS kept (
        owner_id, asset, budget, spender, use_id, period_start, period_end, spent, held
    )
    SELECT
        renew_budget_use.owner_id, renew_budget_use.asset, renew_budget_use.budget, renew_budget_use.use_spender,
        renew_budget_use.use_id, renew_budget_use.since, renew_budget_use.until,
        coalesce(sum(used.spent)::bigint - renew_budget_use.spent, 0),
        coalesce(sum(used.held)::bigint - renew_budget_use.held, 0)
    FROM (
        SELECT used.spent, used.held
        FROM ledger_core.budget_used(
            renew_budget_use.owner_id, renew_budget_use.asset, renew_budget_use.app, renew_budget_use.operation,
            renew_budget_use.since, renew_budget_use.until
        ) AS used
        WHERE renew_budget_use.rule_spender <> '*'
            AND renew_budget_use.use_spender IN ('', used.spender)
    ) AS used
    ON CONFLICT (owner_id, asset, budget, spender) DO UPDATE
    SET
        use_id = excluded.use_id,
        period_start = excluded.period_start,
        period_end = excluded.period_end,
        spent = excluded.spent,
        held = excluded.held,
        version = NULL,
        only_most = NULL,
        only_app = NULL,
        only_operation = NULL
    WHERE (kept.use_id, kept.period_start, kept.period_end)
        IS DISTINCT FROM (excluded.use_id, excluded.period_start, excluded.period_end);
END
$$;

COMMENT ON FUNCTION ledger_core.renew_budget_use IS
'Makes the row of ledger.budget_use in which a budget''s use by use_spender is counted, in the period from since to until,
from the entries and holds. The parameters are those of ledger_core.budgets_that_apply and ledger_core.budget_used.
spent, held: what the caller has written already, and will add to the row.';
