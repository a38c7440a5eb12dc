-- The floor: the cost of the writes alone, which is one guarded UPDATE and one INSERT, without rules and hashes.
-- The tables have the same columns, constraints, indexes, fill factors and rows as those of the ledger.
CREATE SCHEMA floor;

DO $$
DECLARE
    v_table record;
BEGIN
    FOR v_table IN
        SELECT relname, coalesce('WITH (' || array_to_string(reloptions, ', ') || ')', '') AS options
        FROM pg_class
        WHERE oid IN ('ledger.accounts'::regclass, 'ledger.entries'::regclass)
    LOOP
        EXECUTE format(
            'CREATE TABLE floor.%1$I (LIKE ledger.%1$I INCLUDING ALL) %2$s', v_table.relname, v_table.options
        );
        EXECUTE format('INSERT INTO floor.%1$I SELECT * FROM ledger.%1$I', v_table.relname);
    END LOOP;
END
$$;

CREATE FUNCTION floor.record(owner_id text, amount bigint, nonce text, OUT seq bigint, OUT balance bigint)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    UPDATE floor.accounts
    SET balance = balance + record.amount, last_seq = last_seq + 1
    WHERE owner_id = record.owner_id AND asset = 'CREDIT' AND balance + record.amount >= 0
    RETURNING last_seq, balance INTO record.seq, record.balance;
    INSERT INTO floor.entries (
        seq, entry_id, amount, balance_after, recorded_at, xact_id, owner_id, asset, app, operation, nonce, hash,
        amount_defaulted, expiry_defaulted
    )
    VALUES (
        record.seq, record.seq, record.amount, record.balance, clock_timestamp(), pg_current_xact_id(), record.owner_id,
        'CREDIT', 'app1', 'CREDIT_SPEND', record.nonce,
        '\x00000000000000000000000000000000000000000000000000000000000000ff', FALSE, FALSE
    );
END
$$;

GRANT USAGE ON SCHEMA floor TO ledger_app;

GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA floor TO ledger_app;

-- That of the constraints which came along; older versions have none.
DO $$
BEGIN
    IF to_regproc('ledger_core.is_account') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA ledger_core TO ledger_app;
        GRANT EXECUTE ON FUNCTION ledger_core.is_account, ledger_core.max_amount TO ledger_app;
    END IF;
END
$$;
