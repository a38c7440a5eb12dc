CREATE OR REPLACE FUNCTION ledger_core.recount_budget(asset text, budget text, spender text, anew boolean)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_definition ledger.budget_definitions;
BEGIN
    UPDATE ledger_core.budget_version SET version = version + 1;
    IF NOT recount_budget.anew THEN
        RETURN;
    END IF;
    -- Who is under which budget of the name may have changed for every spender.
    FOR v_definition IN
        UPDATE ledger.budget_definitions
        SET use_id = nextval('ledger_core.budget_use_ids')
        WHERE asset = recount_budget.asset AND budget = recount_budget.budget AND spender <> recount_budget.spender
        RETURNING *
    LOOP
        PERFORM ledger_core.journal_change('budget_defined', NULL, NULL, ledger_core.noted_definition(v_definition));
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger_core.recount_budget IS
'Lets every account know that a budget of everybody for the given spender has changed, in the locked catalogue. anew: who is
under which budget of the name may have changed, so that the use of all of them is counted anew.';
