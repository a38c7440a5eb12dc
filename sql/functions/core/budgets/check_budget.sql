CREATE OR REPLACE FUNCTION ledger_core.check_budget(rule ledger.budgets)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_field text;
    v_reason text;
    v_asset text;
BEGIN
    SELECT checks.field, checks.reason INTO v_field, v_reason
    FROM (VALUES
        (
            'budget', coalesce(rule.budget !~ '^[a-z][a-z0-9_-]{0,62}$', TRUE),
            'must begin with a lower case letter and have only these, digits, _ and -, at most 63 characters'
        ),
        (
            'most', coalesce(rule.most NOT BETWEEN 0 AND ledger_core.max_amount(), TRUE),
            format('is required, from 0 to %s', ledger_core.max_amount())
        ),
        (
            'period', coalesce(rule.period NOT IN ('day', 'week', 'month', 'ever'), TRUE),
            'must be day, week, month or ever'
        ),
        (
            'spender', rule.spender <> '' AND NOT ledger_core.is_key(rule.spender),
            format('must have 1 to %s characters', ledger_core.max_key_length())
        ),
        (
            'time_zone', NOT ledger_core.is_time_zone(rule.time_zone), 'must be an IANA time zone name'
        )
    ) AS checks (field, failed, reason)
    WHERE checks.failed
    LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object('field', v_field, 'reason', v_reason));
    ELSIF rule.app IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger.apps WHERE app = rule.app) THEN
        PERFORM ledger_core.refuse('unknown_app', jsonb_build_object('app', rule.app));
    ELSIF rule.operation IS NOT NULL THEN
        SELECT asset INTO v_asset FROM ledger.operations WHERE operation = rule.operation;
        IF NOT FOUND THEN
            PERFORM ledger_core.refuse('unknown_operation', jsonb_build_object('operation', rule.operation));
        ELSIF v_asset <> rule.asset THEN
            PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
                'field', 'operation', 'reason', format('counts %s, not %s', v_asset, rule.asset)
            ));
        END IF;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_budget IS
'Raises LG001 naming the first field of a budget that is not well formed, LG101 or LG102 for an app or operation that is not
there. spender: empty for all together.';
