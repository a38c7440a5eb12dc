CREATE OR REPLACE FUNCTION ledger.define_budget(
    budget text,
    most bigint,
    period text,
    app text DEFAULT NULL,
    operation text DEFAULT NULL,
    spender text DEFAULT NULL,
    time_zone text DEFAULT 'UTC',
    asset text DEFAULT 'CREDIT'
)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_rule ledger.budgets;
    v_old ledger.budget_definitions;
    v_new ledger.budget_definitions;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger.operations WHERE asset = define_budget.asset) THEN
        PERFORM ledger_core.refuse_asset(define_budget.asset);
    ELSIF define_budget.spender = '' THEN
        PERFORM ledger_core.check_key('spender', define_budget.spender);
    END IF;
    v_new.asset := define_budget.asset;
    v_new.budget := define_budget.budget;
    v_new.spender := coalesce(define_budget.spender, '');
    v_new.most := define_budget.most;
    v_new.period := define_budget.period;
    v_new.app := define_budget.app;
    v_new.operation := define_budget.operation;
    v_new.time_zone := define_budget.time_zone;
    v_rule.asset := v_new.asset;
    v_rule.budget := v_new.budget;
    v_rule.spender := v_new.spender;
    v_rule.most := v_new.most;
    v_rule.period := v_new.period;
    v_rule.app := v_new.app;
    v_rule.operation := v_new.operation;
    v_rule.time_zone := v_new.time_zone;
    PERFORM ledger_core.check_budget(v_rule);

    PERFORM ledger_core.lock_definitions();
    PERFORM ledger_core.lock_catalogue();
    SELECT * INTO v_old
    FROM ledger.budget_definitions
    WHERE asset = v_new.asset AND budget = v_new.budget AND spender = v_new.spender;
    v_new.use_id := v_old.use_id;
    IF v_old IS NOT DISTINCT FROM v_new THEN
        RETURN;
    ELSIF v_old.most IS NULL AND EXISTS (
        SELECT 1 FROM ledger.budget_definitions
        WHERE asset = v_new.asset AND budget = v_new.budget AND (spender = '') <> (v_new.spender = '')
    ) THEN
        PERFORM ledger_core.refuse(
            'invalid_request',
            jsonb_build_object(
                'field', 'spender', 'budget', v_new.budget,
                'reason', 'must be null for each budget of this name, or for none'
            ),
            'Give the budget of all spenders together and those of single spenders different names.'
        );
    END IF;
    -- It must hold for everybody, and an owner's own budget of the name would go before it. Those of operators may.
    IF v_old.most IS NULL OR v_old.app IS DISTINCT FROM v_new.app THEN
        SELECT own.owner_id, own.app INTO v_rule.owner_id, v_rule.app
        FROM ledger.budgets AS own
        WHERE own.asset = v_new.asset AND own.budget = v_new.budget AND own.app IS NOT NULL
            AND own.app IS DISTINCT FROM v_new.app
        LIMIT 1;
        IF FOUND THEN
            PERFORM ledger_core.refuse(
                'invalid_request',
                jsonb_build_object(
                    'field', 'budget', 'budget', v_new.budget, 'owner_id', v_rule.owner_id, 'app', v_rule.app,
                    'reason', 'is the name of a budget that counts an app only, and would go before this one'
                ),
                'Choose another name, or drop those budgets first: ledger.budgets has them.'
            );
        END IF;
    END IF;
    IF (v_old.period, v_old.app, v_old.operation, v_old.time_zone)
        IS DISTINCT FROM (v_new.period, v_new.app, v_new.operation, v_new.time_zone)
    THEN
        v_new.use_id := nextval('ledger_core.budget_use_ids');
    END IF;
    INSERT INTO ledger.budget_definitions SELECT v_new.*
    ON CONFLICT (asset, budget, spender) DO UPDATE
    SET
        most = excluded.most,
        period = excluded.period,
        app = excluded.app,
        operation = excluded.operation,
        time_zone = excluded.time_zone,
        use_id = excluded.use_id;
    PERFORM ledger_core.journal_change('budget_defined', NULL, NULL, ledger_core.noted_definition(v_new));
    PERFORM ledger_core.recount_budget(
        v_new.asset, v_new.budget, v_new.spender, v_new.use_id IS DISTINCT FROM v_old.use_id
    );
    PERFORM ledger_core.flag_budgeted_operations();
END
$$;

COMMENT ON FUNCTION ledger.define_budget IS
'Defines the most that every owner may spend and hold in a period, or changes it. An owner''s own budget of that name
(ledger.set_budget) replaces it. Refused while an owner has one of this name that counts only another app than this one does.
It counts what was spent in the period already; changing most never resets that.
budget: its name, in lower case. most: 0 or more whole units. period: day, week (from Monday), month, or ever, by the calendar of
time_zone (IANA name). app, operation: what counts; null for any. spender: whose debits count; * for those of each spender by
itself, before which those of a named one of the same name go; null for those of all together. Can be called again. For
operators and migrations. Raises LG001, LG101, LG102; 55P03 while a transaction that has set a budget of an app stays open: try
again.';
