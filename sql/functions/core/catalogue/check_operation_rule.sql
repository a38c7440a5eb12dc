-- requires: functions/core/requests/is_set
CREATE OR REPLACE FUNCTION ledger_core.check_operation_rule(rule ledger.operations)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_field text;
    v_reason text;
BEGIN
    SELECT checks.field, checks.reason INTO v_field, v_reason
    FROM (VALUES
        (
            'operation', coalesce(rule.operation !~ '^[A-Z][A-Z0-9_]{0,62}$', TRUE),
            'must be upper snake case, at most 63 characters'
        ),
        ('operation', rule.operation = ANY (ledger_core.own_operations()), 'is reserved for the ledger itself'),
        ('description', coalesce(rule.description = '', TRUE), 'is required'),
        ('asset', coalesce(rule.asset !~ '^[A-Z][A-Z0-9_]{0,62}$', TRUE), 'must be upper snake case, at most 63 characters'),
        ('min_amount', rule.min_amount IS NULL, 'is required unless default_amount gives it'),
        ('max_amount', rule.max_amount IS NULL, 'is required unless default_amount gives it'),
        ('min_amount', rule.min_amount < -ledger_core.max_amount(), format('must be at least %s', -ledger_core.max_amount())),
        ('max_amount', rule.max_amount > ledger_core.max_amount(), format('must be at most %s', ledger_core.max_amount())),
        ('min_amount', rule.min_amount > rule.max_amount, 'must not exceed max_amount'),
        (
            'min_amount', rule.min_amount < 0 AND rule.max_amount > 0,
            'must have the sign of max_amount: an operation credits or debits'
        ),
        (
            'default_amount', rule.default_amount NOT BETWEEN rule.min_amount AND rule.max_amount,
            'must be within min_amount and max_amount'
        ),
        ('claim_limit', rule.claim_limit NOT BETWEEN 1 AND 1000, 'must be from 1 to 1000'),
        ('claim_period', num_nulls(rule.claim_limit, rule.claim_period) = 1, 'goes together with claim_limit'),
        ('claim_period', rule.claim_period NOT IN ('ever', 'day', 'week', 'month'), 'must be ever, day, week or month'),
        ('claim_scope', rule.claim_limit IS NULL AND rule.claim_scope IS NOT NULL, 'goes together with claim_limit'),
        ('claim_time_zone', rule.claim_limit IS NULL AND rule.claim_time_zone IS NOT NULL, 'goes together with claim_limit'),
        ('claim_scope', rule.claim_scope NOT IN ('owner', 'owner_and_app'), 'must be owner or owner_and_app'),
        (
            'claim_time_zone',
            rule.claim_time_zone IS NOT NULL AND NOT ledger_core.is_time_zone(rule.claim_time_zone),
            'must be an IANA time zone name'
        ),
        (
            'expires_after', NOT ledger_core.is_span(rule.expires_after, interval '100 years'),
            'must be positive, at most 100 years, without a negative part'
        ),
        ('expires_after', rule.expires_after IS NOT NULL AND rule.max_amount <= 0, 'is for credits only'),
        (
            'unit_amount',
            (rule.unit_amount < 0 AND rule.min_amount >= 0) OR (rule.unit_amount > 0 AND rule.max_amount <= 0),
            'must have the sign of the operation''s amounts'
        ),
        (
            'max_debt', rule.max_debt NOT BETWEEN 0 AND ledger_core.max_amount(),
            format('must be from 0 to %s', ledger_core.max_amount())
        ),
        ('max_debt', rule.max_debt > 0 AND rule.min_amount >= 0, 'is for debits only'),
        (
            'transferable', rule.transferable AND rule.max_amount >= 0,
            'is for debits only: its amounts are what the sender is debited'
        ),
        (
            'transferable', rule.transferable AND rule.unit_amount IS NOT NULL,
            'does not go together with a price by quantity'
        ),
        ('credit_class', rule.credit_class NOT IN ('free', 'paid'), 'must be free or paid'),
        ('priority', rule.priority NOT BETWEEN 1 AND 1000, 'must be from 1 to 1000'),
        ('credit_class', rule.credit_class IS NOT NULL AND rule.max_amount <= 0, 'is for credits only'),
        ('priority', rule.priority IS NOT NULL AND rule.max_amount <= 0, 'is for credits only'),
        ('usable_for', rule.usable_for IS NOT NULL AND rule.max_amount <= 0, 'is for credits only'),
        ('usable_in', rule.usable_in IS NOT NULL AND rule.max_amount <= 0, 'is for credits only'),
        ('usable_for', NOT ledger_core.is_set(rule.usable_for), 'must name from 1 to 100 operations, each once'),
        ('usable_in', NOT ledger_core.is_set(rule.usable_in), 'must name from 1 to 100 apps, each once'),
        (
            'usable_for',
            EXISTS (
                SELECT 1
                FROM unnest(rule.usable_for) AS named (operation)
                LEFT JOIN ledger.operations AS known ON named.operation = known.operation
                WHERE (known.asset = rule.asset AND known.min_amount < 0) IS NOT TRUE
            ),
            'must name operations that are known, and debit this asset'
        ),
        (
            'usable_in',
            EXISTS (
                SELECT 1
                FROM unnest(rule.usable_in) AS named (app)
                LEFT JOIN ledger.apps AS known ON named.app = known.app
                WHERE known.app IS NULL
            ),
            'must name apps that are registered'
        )
    ) AS checks (field, failed, reason)
    WHERE checks.failed
    LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', v_field, 'reason', v_reason, 'operation', rule.operation
        ));
    END IF;
    PERFORM ledger_core.check_price(rule.operation, rule.unit_amount, rule.unit_size, rule.rounding);
END
$$;

COMMENT ON FUNCTION ledger_core.check_operation_rule IS
'Raises LG001 naming the first field of an operation''s rule that is not well formed.';
