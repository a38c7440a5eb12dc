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

-- That of the constraints which came along, in whatever version.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT pg_proc.oid FROM pg_proc
        INNER JOIN pg_namespace ON pg_proc.pronamespace = pg_namespace.oid
        WHERE pg_namespace.nspname = 'ledger_core'
            AND pg_proc.proname IN ('is_account', 'is_account_with_debt', 'max_amount')
    LOOP
        GRANT USAGE ON SCHEMA ledger_core TO ledger_app;
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ledger_app', v_function);
    END LOOP;
END
$$;
