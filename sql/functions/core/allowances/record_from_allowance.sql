-- requires: functions/core/lots/makes_lot
CREATE OR REPLACE FUNCTION ledger_core.record_from_allowance(
    allowance ledger.allowances,
    kind text,
    amount bigint,
    at timestamptz,
    expires_at timestamptz,
    occurrence integer,
    nonce text DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_entry ledger.entries;
    v_recorded ledger.recorded_row;
BEGIN
    v_entry.owner_id := allowance.owner_id;
    v_entry.asset := allowance.asset;
    v_entry.app := allowance.app;
    v_entry.operation := allowance.operation;
    v_entry.metadata := allowance.metadata;
    IF record_from_allowance.kind = 'carried_over' THEN
        v_entry.app := 'ledger';
        v_entry.operation := 'CARRY_OVER';
        v_entry.nonce := 'ledger:carry_over:' || gen_random_uuid();
    ELSE
        v_entry.nonce := coalesce(
            record_from_allowance.nonce, ledger_core.nonce_of_allowance(allowance.nonce, record_from_allowance.occurrence)
        );
    END IF;
    v_entry.amount := record_from_allowance.amount;
    v_entry.amount_defaulted := FALSE;
    v_entry.expiry_defaulted := FALSE;
    v_entry.expires_at := CASE WHEN record_from_allowance.amount > 0 THEN record_from_allowance.expires_at END;
    IF v_entry.amount > 0 THEN
        v_entry.credit_class := allowance.credit_class;
        v_entry.priority := allowance.priority;
        v_entry.usable_for := allowance.usable_for;
        v_entry.usable_in := allowance.usable_in;
    END IF;
    v_entry.recorded_at := record_from_allowance.at;
    v_recorded := ledger_core.write_entry(v_entry);
    IF ledger_core.makes_lot(v_entry) THEN
        v_entry.seq := v_recorded.seq;
        v_entry.balance_after := v_recorded.balance;
        PERFORM ledger_core.grant_lot(v_entry);
    END IF;
    INSERT INTO ledger.allowance_entries (owner_id, asset, seq, app, allowance_nonce, occurrence, kind)
    VALUES (
        allowance.owner_id, allowance.asset, v_recorded.seq, allowance.app, allowance.nonce,
        record_from_allowance.occurrence, record_from_allowance.kind
    );
    RETURN v_recorded.seq;
END
$$;

COMMENT ON FUNCTION ledger_core.record_from_allowance IS
'Records credits that come from an allowance to a locked account, as of the given time, and returns the seq of the entry.
kind: granted, raised or carried_over. occurrence: the number of the period from which they are. nonce: of the request that
asked for them, or null.';
