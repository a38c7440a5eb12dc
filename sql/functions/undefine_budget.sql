CREATE OR REPLACE FUNCTION ledger.undefine_budget(budget text, spender text DEFAULT NULL, asset text DEFAULT 'CREDIT')
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_old ledger.budget_definitions;
BEGIN
    PERFORM ledger_core.check_key('budget', undefine_budget.budget);
    IF undefine_budget.spender IS NOT NULL THEN
        PERFORM ledger_core.check_key('spender', undefine_budget.spender);
    END IF;
    PERFORM ledger_core.check_key('asset', undefine_budget.asset);
    PERFORM ledger_core.lock_definitions();
    PERFORM ledger_core.lock_catalogue();
    DELETE FROM ledger.budget_definitions
    WHERE asset = undefine_budget.asset AND budget = undefine_budget.budget
        AND spender = coalesce(undefine_budget.spender, '')
    RETURNING * INTO v_old;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse('budget_not_found', jsonb_build_object(
            'asset', undefine_budget.asset, 'budget', undefine_budget.budget, 'spender', undefine_budget.spender
        ));
    END IF;
    PERFORM ledger_core.journal_change('budget_dropped', NULL, NULL, ledger_core.noted_definition(v_old));
    PERFORM ledger_core.recount_budget(v_old.asset, v_old.budget, v_old.spender, TRUE);
    PERFORM ledger_core.flag_budgeted_operations();
END
$$;

COMMENT ON FUNCTION ledger.undefine_budget IS
'Takes a budget of everybody away (ledger.define_budget). Budgets of the same name that owners have of their own stay.
spender: as it was defined; null for all together. For operators and migrations. Raises LG001, LG107; 55P03 as
ledger.define_budget.';
