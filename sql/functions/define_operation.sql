-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.define_operation(
    operation text,
    description text,
    default_amount bigint DEFAULT NULL,
    min_amount bigint DEFAULT NULL,
    max_amount bigint DEFAULT NULL,
    shared boolean DEFAULT FALSE,
    asset text DEFAULT 'CREDIT',
    claim_limit integer DEFAULT NULL,
    claim_period text DEFAULT NULL,
    claim_scope text DEFAULT NULL,
    claim_time_zone text DEFAULT NULL,
    expires_after interval DEFAULT NULL,
    unit_amount bigint DEFAULT NULL,
    unit_size bigint DEFAULT NULL,
    rounding text DEFAULT NULL,
    max_debt bigint DEFAULT 0,
    credit_class text DEFAULT NULL,
    priority integer DEFAULT NULL,
    usable_for text [] DEFAULT NULL,
    usable_in text [] DEFAULT NULL,
    transferable boolean DEFAULT FALSE
)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_old ledger.operations;
    v_new ledger.operations;
    v_app text;
    v_allowed ledger.app_operations;
BEGIN
    v_new.operation := define_operation.operation;
    v_new.description := define_operation.description;
    v_new.shared := coalesce(define_operation.shared, FALSE);
    v_new.asset := define_operation.asset;
    v_new.default_amount := define_operation.default_amount;
    v_new.min_amount := coalesce(define_operation.min_amount, define_operation.default_amount);
    v_new.max_amount := coalesce(define_operation.max_amount, define_operation.default_amount);
    v_new.claim_limit := define_operation.claim_limit;
    v_new.claim_period := define_operation.claim_period;
    v_new.claim_scope := define_operation.claim_scope;
    v_new.claim_time_zone := define_operation.claim_time_zone;
    IF define_operation.claim_limit IS NOT NULL THEN
        v_new.claim_scope := coalesce(v_new.claim_scope, 'owner');
        v_new.claim_time_zone := coalesce(v_new.claim_time_zone, 'UTC');
    END IF;
    v_new.expires_after := define_operation.expires_after;
    v_new.unit_amount := define_operation.unit_amount;
    v_new.unit_size := define_operation.unit_size;
    v_new.rounding := define_operation.rounding;
    IF define_operation.unit_amount IS NOT NULL THEN
        v_new.unit_size := coalesce(v_new.unit_size, 1);
        v_new.rounding := coalesce(v_new.rounding, 'up');
    END IF;
    v_new.max_debt := nullif(define_operation.max_debt, 0);
    v_new.credit_class := define_operation.credit_class;
    v_new.priority := define_operation.priority;
    v_new.usable_for := ledger_core.sorted(define_operation.usable_for);
    v_new.usable_in := ledger_core.sorted(define_operation.usable_in);
    v_new.transferable := nullif(define_operation.transferable, FALSE);
    PERFORM ledger_core.check_operation_rule(v_new);

    PERFORM ledger_core.lock_catalogue();
    SELECT * INTO v_old FROM ledger.operations WHERE operation = define_operation.operation;
    IF NOT FOUND THEN
        INSERT INTO ledger.operations VALUES (v_new.*);
    -- As text, because intervals are equal by months of 30 days: a month is not 30 days.
    ELSIF v_old::text <> v_new::text THEN
        UPDATE ledger.operations
        SET
            description = v_new.description,
            shared = v_new.shared,
            asset = v_new.asset,
            default_amount = v_new.default_amount,
            min_amount = v_new.min_amount,
            max_amount = v_new.max_amount,
            claim_limit = v_new.claim_limit,
            claim_period = v_new.claim_period,
            claim_scope = v_new.claim_scope,
            claim_time_zone = v_new.claim_time_zone,
            expires_after = v_new.expires_after,
            retired_at = v_new.retired_at,
            unit_amount = v_new.unit_amount,
            unit_size = v_new.unit_size,
            rounding = v_new.rounding,
            max_debt = v_new.max_debt,
            credit_class = v_new.credit_class,
            priority = v_new.priority,
            usable_for = v_new.usable_for,
            usable_in = v_new.usable_in,
            transferable = v_new.transferable
        WHERE operation = define_operation.operation;
    ELSE
        RETURN;
    END IF;
    PERFORM ledger_core.journal_change('defined', v_new.operation, NULL, ledger_core.noted_operation(v_new));
    PERFORM ledger_core.flag_budgeted_operations();
    IF v_new.shared THEN
        v_allowed.operation := v_new.operation;
        FOR v_app IN SELECT app FROM ledger.apps ORDER BY app LOOP
            v_allowed.app := v_app;
            PERFORM ledger_core.set_app_operation(v_allowed, FALSE);
        END LOOP;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger.define_operation IS
'Defines an operation, or redefines it as a whole; a retired one is in force again. A shared one is given to every app.
Can be called again: a call that changes nothing is not noted.
Amounts: signed whole units of the asset; min_amount and max_amount default to default_amount, a fixed price. Without
default_amount every request must name an amount.
claim_limit: times per claim_period (ever, day, week, month) and owner, with claim_scope owner (all apps together, the
default) or owner_and_app, in claim_time_zone (IANA name, UTC by default).
expires_after: life of the credits granted, days and months by the calendar of claim_time_zone, or else UTC.
unit_amount: the price by quantity, as the amount (signed) of each unit_size (1 by default) of it, rounded up (away from zero,
the default), down or nearest to whole units. max_debt: how far below the floor of an account a capture may go that says so;
0: not at all.
What the credits granted are, and may be used for; entries keep it, so that a change counts for later ones. credit_class: free or
paid. priority: from 1 to 1000, 100 by default; lower ones are spent first. usable_for: for which operations (debits of the same
asset), usable_in: in which apps; null: in all. transferable: a debit that moves credits to another owner by
ledger.transfer_credits; nothing else records it. For operators and migrations.
Raises LG001, LG903 if entries keep the asset from changing.';
