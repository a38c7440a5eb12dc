CREATE OR REPLACE FUNCTION ledger.record_entry(
    app text,
    owner_id text,
    operation text,
    nonce text,
    amount bigint DEFAULT NULL,
    metadata jsonb DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL,
    claim_subject text DEFAULT NULL
)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_asset text;
    v_amount bigint;
    v_plain boolean;
    v_rule record;
    v_entry ledger.recorded_entry;
BEGIN
    -- One query tells whether the request is plain: beyond doubt as far as the rule and its own fields go, and
    -- in need of nothing but a change of the balance. Whether there is such an owner, the account tells.
    SELECT
        asset,
        coalesce(record_entry.amount, default_amount) AS amount,
        ledger_core.is_key(record_entry.nonce)
        AND (record_entry.metadata IS NULL OR ledger_core.is_metadata(record_entry.metadata))
        AND coalesce(record_entry.amount, default_amount) BETWEEN min_amount AND max_amount
        AND num_nonnulls(retired_at, claim_limit, expires_after, record_entry.expires_at, record_entry.claim_subject) = 0
        AND ledger_core.may_act_for(app)
        -- Holds share the nonces of their app; the owner's own are looked up under the lock.
        AND NOT EXISTS (
            SELECT 1 FROM ledger.holds
            WHERE holds.app = record_entry.app AND holds.nonce = record_entry.nonce
                AND holds.owner_id <> record_entry.owner_id
        ) AS plain
    INTO v_asset, v_amount, v_plain
    FROM ledger.operation_sets
    WHERE app = record_entry.app AND operation = record_entry.operation;
    IF v_plain THEN
        SELECT * INTO v_entry FROM ledger_core.write_entry(
            record_entry.owner_id, v_asset, record_entry.app, record_entry.operation, record_entry.nonce,
            v_amount, NULL, TRUE, record_entry.amount IS NULL, FALSE, record_entry.metadata
        );
        IF v_entry.entry_id IS NOT NULL THEN
            RETURN v_entry;
        END IF;
    END IF;

    -- All others, and what the account was not ready for, step by step.
    PERFORM ledger_core.check_request(
        record_entry.owner_id, record_entry.nonce, record_entry.metadata, record_entry.claim_subject
    );
    PERFORM ledger_core.check_authorized(record_entry.app);
    PERFORM ledger_core.check_nonce_not_held(record_entry.app, record_entry.nonce, record_entry.owner_id);
    SELECT asset, default_amount, min_amount, max_amount, expires_after, retired_at INTO v_rule
    FROM ledger.operation_sets
    WHERE app = record_entry.app AND operation = record_entry.operation;
    IF coalesce(record_entry.amount, v_rule.default_amount) BETWEEN v_rule.min_amount AND v_rule.max_amount
        AND v_rule.retired_at IS NULL
    THEN
        SELECT * INTO v_entry FROM ledger_core.record_entry(
            record_entry.owner_id, v_rule.asset, record_entry.app, record_entry.operation, record_entry.nonce,
            record_entry.amount, v_rule.default_amount, record_entry.metadata, record_entry.expires_at,
            v_rule.expires_after, record_entry.claim_subject
        );
        RETURN v_entry;
    END IF;

    PERFORM ledger_core.check_key('operation', record_entry.operation);
    -- The rule refuses it; but a retry of what was recorded under an earlier rule gets its first answer.
    SELECT * INTO v_entry FROM ledger_core.find_replay(
        record_entry.owner_id, record_entry.app, record_entry.operation, record_entry.nonce, record_entry.amount,
        v_rule.default_amount, record_entry.metadata, record_entry.expires_at, record_entry.claim_subject
    );
    IF v_entry.entry_id IS NULL THEN
        PERFORM ledger_core.check_rule(record_entry.app, record_entry.operation, record_entry.amount);
    END IF;
    RETURN v_entry;
END
$$;

COMMENT ON FUNCTION ledger.record_entry IS
'Records one operation of one owner and returns the entry; replayed is true if the same request had recorded it before, and then nothing changes.
app: who records; the calling role must be bound to it. owner_id, nonce, claim_subject: 1 to 255 characters. operation: one of the app''s set.
amount: signed whole units of the operation''s asset, within its bounds; null takes the default. metadata: a JSON object of at most 16384 bytes.
expires_at: when the credits expire, in place of the operation''s own expiry. claim_subject: a second key (a hashed e-mail, a device) to which the operation''s claim limit applies as well.
Raises LG001 invalid_request, LG002 amount_out_of_bounds, LG101 unknown_app, LG102 unknown_operation, LG103 operation_not_allowed, LG201 nonce_conflict, LG301 insufficient_balance, LG302 claim_limit_reached, LG303 account_frozen, LG401 not_authorized. A refused request leaves nothing behind and does not use up its nonce.';
