CREATE OR REPLACE FUNCTION ledger_core.check_may_set_budget(owner_id text, asset text, budget text, app text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_caller name := ledger_core.caller_role();
BEGIN
    IF v_caller = current_user OR pg_has_role(v_caller, current_user, 'MEMBER') OR EXISTS (
        SELECT 1 FROM pg_roles WHERE rolname = 'ledger_operator' AND pg_has_role(v_caller, oid, 'USAGE')
    ) THEN
        RETURN;
    END IF;
    -- An app may limit what is spent in itself, and must not lift what limits more.
    IF NOT EXISTS (
        SELECT 1 FROM ledger.app_roles
        WHERE role_name = v_caller AND app = check_may_set_budget.app AND may_set_budgets
    ) OR EXISTS (
        SELECT 1 FROM ledger.budgets
        WHERE owner_id = check_may_set_budget.owner_id AND asset = check_may_set_budget.asset
            AND budget = check_may_set_budget.budget AND app IS DISTINCT FROM check_may_set_budget.app
    ) OR EXISTS (
        SELECT 1 FROM ledger.budget_definitions
        WHERE asset = check_may_set_budget.asset AND budget = check_may_set_budget.budget
            AND app IS DISTINCT FROM check_may_set_budget.app
    ) THEN
        PERFORM ledger_core.refuse(
            'not_authorized',
            jsonb_build_object('app', check_may_set_budget.app, 'role', v_caller, 'budget', check_may_set_budget.budget),
            'An app sets budgets of its own operations only, if an operator has allowed that, with may_set_budgets of ledger.bind_role.'
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_may_set_budget IS
'Raises LG401 unless the calling role is an operator, or is bound to the app with the right to set budgets and the budgets
of this name are all of the app. app: which the budget counts, or is to count.';
