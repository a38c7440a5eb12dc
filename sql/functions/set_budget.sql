CREATE OR REPLACE FUNCTION ledger.set_budget(
    owner_id text,
    budget text,
    most bigint,
    period text,
    actor text,
    reason text,
    asset text DEFAULT 'CREDIT',
    app text DEFAULT NULL,
    operation text DEFAULT NULL,
    spender text DEFAULT NULL,
    time_zone text DEFAULT 'UTC'
)
RETURNS ledger.budget
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_rule ledger.budgets;
    v_budget ledger.budget;
BEGIN
    PERFORM ledger_core.check_known_account(set_budget.owner_id, set_budget.asset);
    PERFORM ledger_core.check_actor(set_budget.actor, set_budget.reason);
    IF set_budget.spender = '' THEN
        PERFORM ledger_core.check_key('spender', set_budget.spender);
    END IF;
    v_rule.owner_id := set_budget.owner_id;
    v_rule.asset := set_budget.asset;
    v_rule.budget := set_budget.budget;
    v_rule.spender := coalesce(set_budget.spender, '');
    v_rule.most := set_budget.most;
    v_rule.period := set_budget.period;
    v_rule.app := set_budget.app;
    v_rule.operation := set_budget.operation;
    v_rule.time_zone := set_budget.time_zone;
    PERFORM ledger_core.check_budget(v_rule);
    IF v_rule.app IS NOT NULL THEN
        -- ledger.define_budget must see it, or be seen by it. A snapshot from before a definition fails here.
        PERFORM 1 FROM ledger_core.budget_version FOR SHARE;
    END IF;
    PERFORM ledger_core.set_budget(v_rule, set_budget.actor, set_budget.reason);
    SELECT * INTO STRICT v_budget FROM ledger.budgets_of(set_budget.owner_id, set_budget.asset) AS budgets
    WHERE budgets.budget = set_budget.budget AND budgets.spender IS NOT DISTINCT FROM set_budget.spender AND budgets.own;
    RETURN v_budget;
END
$$;

COMMENT ON FUNCTION ledger.set_budget IS
'Sets the most that an owner may spend and hold in a period, or changes it, and returns the budget. It counts what was spent
in the period already; changing most never resets that. Can be called again. The owner need not have entries yet.
budget: its name, in lower case; it replaces the budget of everybody of that name (ledger.define_budget) for this owner.
most: 0 or more whole units. period: day, week (from Monday), month, or ever, by the calendar of time_zone (IANA name).
app, operation: what counts; null for any. spender: whose debits count; * for those of each spender by itself, before which
those of a named one of the same name go; null for those of all together.
actor: the person who decides; reason: why; both are kept in ledger.operator_actions. For operators, and for logins that
ledger.bind_role allows to set budgets of their app. Raises LG001, LG101, LG102, LG311, LG401.';
