CREATE OR REPLACE FUNCTION ledger_core.set_budget(rule ledger.budgets, actor text, reason text)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(rule.owner_id, rule.asset);
    v_old ledger.budgets;
BEGIN
    -- Under the lock: an operator may have set a budget of this name meanwhile.
    PERFORM ledger_core.check_may_set_budget(rule.owner_id, rule.asset, rule.budget, rule.app);
    SELECT * INTO v_old
    FROM ledger.budgets
    WHERE owner_id = rule.owner_id AND asset = rule.asset AND budget = rule.budget AND spender = rule.spender;
    IF v_old IS NOT DISTINCT FROM rule THEN
        RETURN;
    ELSIF v_old.most IS NULL AND EXISTS (
        SELECT 1 FROM ledger.budgets
        WHERE owner_id = rule.owner_id AND asset = rule.asset AND budget = rule.budget
            AND (spender = '') <> (rule.spender = '')
    ) THEN
        PERFORM ledger_core.refuse(
            'invalid_request',
            jsonb_build_object(
                'field', 'spender', 'budget', rule.budget,
                'reason', 'must be null for each budget of this name, or for none'
            ),
            'Give the budget of all spenders together and those of single spenders different names.'
        );
    END IF;
    -- It is counted anew from the entries and holds, so that changing most resets nothing.
    PERFORM ledger_core.forget_budget_use(rule.owner_id, rule.asset);
    INSERT INTO ledger.budgets SELECT rule.*
    ON CONFLICT (owner_id, asset, budget, spender) DO UPDATE
    SET
        most = excluded.most,
        period = excluded.period,
        app = excluded.app,
        operation = excluded.operation,
        time_zone = excluded.time_zone;
    UPDATE ledger.accounts SET has_budgets = TRUE
    WHERE owner_id = rule.owner_id AND asset = rule.asset AND NOT has_budgets;
    IF v_old.most IS NULL THEN
        v_old.budget := rule.budget;
        v_old.spender := rule.spender;
    END IF;
    PERFORM ledger_core.journal_action(
        rule.owner_id, rule.asset, 'set_budget', set_budget.actor, set_budget.reason, v_account.now, NULL,
        ledger_core.noted_budget(v_old), ledger_core.noted_budget(rule)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.set_budget IS
'Sets a budget of one owner and adds that to the operator actions; does nothing if it is this already. rule: checked by
ledger_core.check_budget. Raises LG001, LG311, LG401.';
