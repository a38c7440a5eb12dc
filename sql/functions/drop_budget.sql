CREATE OR REPLACE FUNCTION ledger.drop_budget(
    owner_id text,
    budget text,
    actor text,
    reason text,
    asset text DEFAULT 'CREDIT',
    spender text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state;
    v_old ledger.budgets;
    v_new ledger.budgets;
BEGIN
    PERFORM ledger_core.check_known_account(drop_budget.owner_id, drop_budget.asset);
    PERFORM ledger_core.check_key('budget', drop_budget.budget);
    IF drop_budget.spender IS NOT NULL THEN
        PERFORM ledger_core.check_key('spender', drop_budget.spender);
    END IF;
    PERFORM ledger_core.check_actor(drop_budget.actor, drop_budget.reason);
    SELECT * INTO v_old
    FROM ledger.budgets
    WHERE owner_id = drop_budget.owner_id AND asset = drop_budget.asset AND budget = drop_budget.budget
        AND spender = coalesce(drop_budget.spender, '');
    IF FOUND THEN
        v_account := ledger_core.lock_account(drop_budget.owner_id, drop_budget.asset);
        -- Under the lock: it may have changed meanwhile.
        PERFORM ledger_core.check_may_set_budget(
            drop_budget.owner_id, drop_budget.asset, drop_budget.budget, budgets.app
        )
        FROM ledger.budgets
        WHERE budgets.owner_id = drop_budget.owner_id AND budgets.asset = drop_budget.asset
            AND budgets.budget = drop_budget.budget AND budgets.spender = v_old.spender;
        DELETE FROM ledger.budgets
        WHERE owner_id = drop_budget.owner_id AND asset = drop_budget.asset AND budget = drop_budget.budget
            AND spender = v_old.spender
        RETURNING * INTO v_old;
    END IF;
    IF v_old.most IS NULL THEN
        PERFORM ledger_core.refuse('budget_not_found', jsonb_build_object(
            'owner_id', drop_budget.owner_id, 'asset', drop_budget.asset, 'budget', drop_budget.budget,
            'spender', drop_budget.spender
        ));
    END IF;
    PERFORM ledger_core.forget_budget_use(drop_budget.owner_id, drop_budget.asset);
    -- accounts.has_budgets stays: a caller that has read it counts under budgets of everybody that come now.
    v_new.budget := v_old.budget;
    v_new.spender := v_old.spender;
    PERFORM ledger_core.journal_action(
        drop_budget.owner_id, drop_budget.asset, 'drop_budget', drop_budget.actor, drop_budget.reason, v_account.now, NULL,
        ledger_core.noted_budget(v_old), ledger_core.noted_budget(v_new)
    );
END
$$;

COMMENT ON FUNCTION ledger.drop_budget IS
'Takes a budget of the owner''s own away; a budget of everybody of that name is in force again.
spender: as it was set; null for all together. actor, reason: kept in ledger.operator_actions. For operators, and for logins
that ledger.bind_role allows to set budgets of their app. Raises LG001, LG107, LG311, LG401.';
