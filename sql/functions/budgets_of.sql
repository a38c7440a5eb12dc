-- requires: functions/core/budgets/budgets_that_apply
CREATE OR REPLACE FUNCTION ledger.budgets_of(owner_id text, asset text DEFAULT 'CREDIT')
RETURNS SETOF ledger.budget
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
BEGIN
    PERFORM ledger_core.check_known_account(budgets_of.owner_id, budgets_of.asset);
    RETURN QUERY
    WITH rules AS MATERIALIZED (
        SELECT own.budget, own.spender, own.most, own.period, own.app, own.operation, own.time_zone, TRUE AS own
        FROM ledger.budgets AS own
        WHERE own.owner_id = budgets_of.owner_id AND own.asset = budgets_of.asset
        UNION ALL
        SELECT
            defined.budget, defined.spender, defined.most, defined.period, defined.app, defined.operation,
            defined.time_zone, FALSE
        FROM ledger.budget_definitions AS defined
        -- Those that are left to somebody by the owner's own.
        WHERE defined.asset = budgets_of.asset AND NOT EXISTS (
            SELECT 1 FROM ledger.budgets AS own
            WHERE own.owner_id = budgets_of.owner_id AND own.asset = budgets_of.asset AND own.budget = defined.budget
                AND (defined.spender = '' OR own.spender IN ('', '*', defined.spender))
        )
    ),

    counted AS (
        SELECT rules.*, periods.since, periods.until, used.spender AS use_spender, used.spent, used.held
        FROM rules
        CROSS JOIN LATERAL ledger_core.budget_period(rules.period, rules.time_zone, v_now) AS periods
        LEFT JOIN LATERAL ledger_core.budget_used(
            budgets_of.owner_id, budgets_of.asset, rules.app, rules.operation, periods.since, periods.until, v_now
        ) AS used ON CASE
            WHEN rules.spender = '' THEN TRUE
            ELSE used.spender <> '' AND EXISTS (
                SELECT 1 FROM ledger_core.budgets_that_apply(budgets_of.owner_id, budgets_of.asset, used.spender) AS applying
                WHERE applying.budget = rules.budget AND applying.rule_spender = rules.spender AND applying.own = rules.own
            )
        END
    )

    SELECT
        budgets_of.owner_id, budgets_of.asset, lines.budget::text, lines.spender, lines.most, lines.period::text,
        lines.app::text, lines.operation::text, lines.time_zone::text, lines.own, lines.spent, lines.held,
        nullif(lines.since, '-infinity'), nullif(lines.until, 'infinity')
    FROM (
        SELECT
            counted.budget, nullif(counted.spender, '')::text AS spender, counted.most, counted.period, counted.app,
            counted.operation, counted.time_zone, counted.own, counted.since, counted.until,
            coalesce(sum(counted.spent) FILTER (WHERE counted.spender <> '*'), 0)::bigint AS spent,
            coalesce(sum(counted.held) FILTER (WHERE counted.spender <> '*'), 0)::bigint AS held
        FROM counted
        GROUP BY
            counted.budget, counted.spender, counted.most, counted.period, counted.app, counted.operation,
            counted.time_zone, counted.own, counted.since, counted.until
        UNION ALL
        SELECT
            counted.budget, counted.use_spender, counted.most, counted.period, counted.app, counted.operation,
            counted.time_zone, counted.own, counted.since, counted.until, counted.spent, counted.held
        FROM counted
        WHERE counted.spender = '*' AND counted.use_spender <> '*'
    ) AS lines
    ORDER BY lines.budget, lines.spender = '*' DESC NULLS FIRST, lines.spender COLLATE "C";
END
$$;

COMMENT ON FUNCTION ledger.budgets_of IS
'The budgets of an owner in the asset: its own, and those of everybody that it does not replace, by name; with what is used of
them at this microsecond.
spender: whose it is; null for all together; * for each spender who has used nothing yet in the period, with a row of its own
for each who has. own: set for this owner, and not defined for everybody.
spent: what debits took in the period, less what reversals gave back. held: what open holds of the period reserve.
most less both is left. period_start, resets_at: when the period began and ends; null: ever. Raises LG001, LG311.';
