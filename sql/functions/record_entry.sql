-- requires: dropped/0.1_answers
-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.record_entry(
    app text,
    owner_id text,
    operation text,
    nonce text,
    amount bigint DEFAULT NULL,
    metadata jsonb DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL,
    claim_subject text DEFAULT NULL,
    claim_deadline timestamptz DEFAULT NULL,
    spender text DEFAULT NULL,
    quantity bigint DEFAULT NULL
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_rule record;
    v_entry ledger.entries;
    v_recorded ledger.recorded_row;
BEGIN
    -- One query tells whether the request is allowed beyond doubt as far as the rule and its own fields go, and whether it
    -- is plain: in need of nothing but a change of the balance. The account decides the rest.
    SELECT
        asset,
        coalesce(record_entry.amount, default_amount) AS amount,
        coalesce(record_entry.amount, default_amount) BETWEEN min_amount AND max_amount AND may_record AS allowed,
        ledger_core.is_nonce(record_entry.nonce)
        AND (record_entry.metadata IS NULL OR ledger_core.is_metadata(record_entry.metadata))
        AND (record_entry.claim_subject IS NULL OR ledger_core.is_key(record_entry.claim_subject))
        AND ledger_core.is_spender(record_entry.spender)
        AND ledger_core.may_act_for(app) AS sound,
        ledger_core.is_plain_operation(claim_limit, expires_after, is_classed)
        AND num_nonnulls(record_entry.expires_at, record_entry.claim_subject) = 0 AS plain,
        is_budgeted
    INTO v_rule
    FROM ledger_core.rules_in_force
    WHERE app = record_entry.app AND operation = record_entry.operation;
    IF record_entry.quantity IS NOT NULL THEN
        SELECT
            priced.amount,
            priced.amount BETWEEN min_amount AND max_amount AND may_record
            AND record_entry.amount IS NULL AND ledger_core.is_quantity(record_entry.quantity),
            unit_amount,
            unit_size,
            rounding
        INTO v_rule.amount, v_rule.allowed, v_entry.unit_amount, v_entry.unit_size, v_entry.rounding
        FROM ledger_core.rules_in_force
        CROSS JOIN LATERAL (
            SELECT ledger_core.amount_of_quantity(record_entry.quantity, unit_amount, unit_size, rounding) AS amount
        ) AS priced
        WHERE app = record_entry.app AND operation = record_entry.operation;
        v_entry.quantity := record_entry.quantity;
    END IF;
    v_entry.owner_id := record_entry.owner_id;
    v_entry.asset := v_rule.asset;
    v_entry.app := record_entry.app;
    v_entry.operation := record_entry.operation;
    v_entry.nonce := record_entry.nonce;
    v_entry.amount := v_rule.amount;
    v_entry.amount_defaulted := record_entry.amount IS NULL;
    v_entry.expiry_defaulted := FALSE;
    v_entry.metadata := record_entry.metadata;
    v_entry.spender := record_entry.spender;
    IF v_rule.allowed AND v_rule.sound THEN
        IF v_rule.is_budgeted THEN
            PERFORM ledger_core.begin_budgets(v_entry.owner_id, v_entry.asset);
        END IF;
        IF v_rule.plain THEN
            v_recorded := ledger_core.write_entry(v_entry, TRUE);
        ELSE
            v_entry.expires_at := record_entry.expires_at;
            v_entry.claim_subject := record_entry.claim_subject;
            v_recorded := ledger_core.record_at_once(v_entry);
            IF v_entry.claim_subject IS NOT NULL AND v_recorded.entry_id IS NOT NULL THEN
                PERFORM ledger_core.check_reservation(
                    v_entry.operation, v_entry.claim_subject, record_entry.claim_deadline
                );
            END IF;
        END IF;
        IF v_recorded.entry_id IS NOT NULL THEN
            RETURN v_recorded;
        END IF;
    END IF;

    PERFORM ledger_core.check_request(
        record_entry.owner_id, record_entry.nonce, record_entry.metadata, record_entry.claim_subject
    );
    PERFORM ledger_core.check_nonce(record_entry.app, record_entry.nonce);
    PERFORM ledger_core.check_spender(record_entry.spender);
    PERFORM ledger_core.check_authorized(record_entry.app);
    v_entry.expires_at := record_entry.expires_at;
    v_entry.claim_subject := record_entry.claim_subject;
    IF v_rule.allowed THEN
        v_recorded := ledger_core.record_in_steps(v_entry);
        IF v_entry.claim_subject IS NOT NULL AND NOT v_recorded.replayed THEN
            PERFORM ledger_core.check_reservation(
                v_entry.operation, v_entry.claim_subject, record_entry.claim_deadline
            );
        END IF;
        RETURN v_recorded;
    END IF;

    PERFORM ledger_core.check_key('operation', record_entry.operation);
    PERFORM ledger_core.check_measure(record_entry.amount, record_entry.quantity);
    -- The rule refuses it; but a retry of what was recorded under an earlier rule gets its first answer.
    v_recorded := ledger_core.replay_of(v_entry);
    IF v_recorded.entry_id IS NULL THEN
        PERFORM ledger_core.check_allowed(
            record_entry.app, record_entry.operation, record_entry.amount, record_entry.quantity
        );
    END IF;
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger.record_entry IS
'Records one operation of one owner and returns the entry; replayed is true if the same request had recorded it before, and
then nothing changes.
app: who records; the calling role must be bound to it. owner_id, nonce, claim_subject: 1 to 255 characters, compared byte
by byte; a new owner must not be . or .. (which no URL can contain as a part of its path). operation: one of the app''s set.
amount: signed whole units of the operation''s asset, within its bounds; null takes the default. metadata: a JSON object of
at most 16384 bytes.
expires_at: when the credits expire, in place of the operation''s own expiry. claim_subject: a second key (a hashed e-mail,
a device) to which the operation''s claim limit applies as well. claim_deadline: only for a claim_subject that another
partition of a cluster keeps, until when it is reserved there (ledger.reserve_claims); it is no part of the request. spender: who of
the owner''s members, keys or sessions it is for, 1 to 255 characters. quantity: how much was used, from 0 to 2^53 - 1, in place
of amount; the operation''s price makes the amount of it, and both are kept.
Raises LG001 invalid_request, LG002 amount_out_of_bounds, LG101 unknown_app, LG102 unknown_operation,
LG103 operation_not_allowed, LG201 nonce_conflict, LG301 insufficient_balance, LG302 claim_limit_reached,
LG303 account_frozen, LG307 budget_exceeded, LG311 wrong_partition, LG312 claim_not_reserved, LG401 not_authorized. A refused request leaves nothing behind and does not use up its nonce.';
