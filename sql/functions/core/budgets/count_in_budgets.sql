-- requires: functions/core/budgets/budgets_that_apply, functions/core/budgets/is_counted_at_once
-- Most requests are under one budget, and one UPDATE counts them. All others are counted budget by budget, which also notes
-- in ledger.budget_use whether a budget is the only one.
CREATE OR REPLACE FUNCTION ledger_core.count_in_budgets(
    owner_id text,
    asset text,
    app text,
    operation text,
    spender text,
    at timestamptz,
    spent bigint,
    held bigint
)
RETURNS void
LANGUAGE plpgsql
-- Settings of its own would be dear; callers have switched sequential scans off.
AS $$
#variable_conflict use_column
DECLARE
    v_version bigint;
    v_rule record;
BEGIN
    UPDATE ledger.budget_use AS kept
    SET spent = kept.spent + count_in_budgets.spent, held = kept.held + count_in_budgets.held
    WHERE kept.owner_id = count_in_budgets.owner_id AND kept.asset = count_in_budgets.asset
        AND ledger_core.is_counted_at_once(
            kept, count_in_budgets.app, count_in_budgets.operation, count_in_budgets.spender, count_in_budgets.at,
            count_in_budgets.spent + count_in_budgets.held
        )
        -- Taken anew under the account's lock
        AND kept.version = (SELECT newest.version FROM ledger_core.budget_version AS newest);
    IF NOT FOUND THEN
        -- Before the rules are read: if they change in between, the next request reads them again.
        SELECT newest.version INTO STRICT v_version FROM ledger_core.budget_version AS newest;
        FOR v_rule IN
            SELECT rules.*, kept.period_start, kept.period_end, kept.spent, kept.held, kept.version
            FROM ledger_core.budgets_that_apply(
                count_in_budgets.owner_id, count_in_budgets.asset, count_in_budgets.spender
            ) AS rules
            LEFT JOIN ledger.budget_use AS kept
                ON kept.owner_id = count_in_budgets.owner_id AND kept.asset = count_in_budgets.asset
                AND rules.budget = kept.budget AND rules.use_spender = kept.spender AND rules.use_id = kept.use_id
                AND kept.period_start <= count_in_budgets.at AND kept.period_end > count_in_budgets.at
            WHERE (rules.app IS NULL OR rules.app = count_in_budgets.app)
                AND (rules.operation IS NULL OR rules.operation = count_in_budgets.operation)
            ORDER BY rules.budget
        LOOP
            IF v_rule.spent IS NULL THEN
                SELECT periods.since, periods.until INTO v_rule.period_start, v_rule.period_end
                FROM ledger_core.budget_period(v_rule.period, v_rule.time_zone, count_in_budgets.at) AS periods;
                PERFORM ledger_core.renew_budget_use(
                    count_in_budgets.owner_id, count_in_budgets.asset, v_rule.budget, v_rule.rule_spender,
                    v_rule.use_spender, v_rule.app, v_rule.operation, v_rule.use_id, v_rule.period_start,
                    v_rule.period_end, count_in_budgets.spent, count_in_budgets.held
                );
                SELECT spent, held INTO STRICT v_rule.spent, v_rule.held
                FROM ledger.budget_use
                WHERE owner_id = count_in_budgets.owner_id AND asset = count_in_budgets.asset
                    AND budget = v_rule.budget AND spender = v_rule.use_spender;
            END IF;
            IF v_rule.spent + v_rule.held + count_in_budgets.spent + count_in_budgets.held > v_rule.most THEN
                PERFORM ledger_core.refuse_budget(ledger_core.exceeded_budget(
                    count_in_budgets.owner_id, count_in_budgets.asset, v_rule.budget, nullif(v_rule.use_spender, ''),
                    v_rule.most, v_rule.spent, v_rule.held, count_in_budgets.spent + count_in_budgets.held,
                    v_rule.period_end
                ));
            END IF;
            UPDATE ledger.budget_use
            SET spent = v_rule.spent + count_in_budgets.spent, held = v_rule.held + count_in_budgets.held
            WHERE owner_id = count_in_budgets.owner_id AND asset = count_in_budgets.asset
                AND budget = v_rule.budget AND spender = v_rule.use_spender;
            IF v_rule.version IS DISTINCT FROM v_version THEN
                PERFORM ledger_core.note_only_budget(
                    count_in_budgets.owner_id, count_in_budgets.asset, v_rule.budget, v_rule.use_spender, v_rule.most,
                    v_rule.app, v_rule.operation, v_version
                );
            END IF;
        END LOOP;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.count_in_budgets IS
'Counts a debit (spent, positive) or a hold (held) that was just written for a locked account in all budgets that it is under,
at the given time. Raises LG307 if that takes one beyond its most: the first by name.';
