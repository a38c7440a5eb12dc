-- Forms of release 0.1 of functions that have more parameters now. Loaded before these.
DROP FUNCTION IF EXISTS ledger.capture_hold(text, text, text, bigint, boolean, jsonb);
DROP FUNCTION IF EXISTS ledger.capture_hold(text, text, text, bigint, boolean, jsonb, text);
DROP FUNCTION IF EXISTS ledger.define_operation(
    text, text, bigint, bigint, bigint, boolean, text, integer, text, text, text, interval
);
DROP FUNCTION IF EXISTS ledger.allow_operation(text, text, bigint, bigint, bigint);
DROP FUNCTION IF EXISTS ledger.operations_of(text);
DROP FUNCTION IF EXISTS ledger.extend_hold(text, text, interval);
DROP FUNCTION IF EXISTS ledger.release_hold(text, text);
DROP FUNCTION IF EXISTS ledger.reverse_entry(text, text, text, bigint, jsonb, boolean);
DROP FUNCTION IF EXISTS ledger.record_entry(text, text, text, text, bigint, jsonb, timestamptz, text);
DROP FUNCTION IF EXISTS ledger.record_entry(text, text, text, text, bigint, jsonb, timestamptz, text, timestamptz);
DROP FUNCTION IF EXISTS ledger.place_hold(text, text, text, text, bigint, interval, jsonb);
DROP FUNCTION IF EXISTS ledger.bind_role(text, text);
DROP FUNCTION IF EXISTS ledger.define_operation(
    text, text, bigint, bigint, bigint, boolean, text, integer, text, text, text, interval, bigint, bigint, text, bigint
);
-- A view reads it, and comes back with the views, since its file has changed.
DO $$
BEGIN
    IF to_regprocedure('ledger.balance(text, text)') IS NOT NULL THEN
        DROP VIEW IF EXISTS ledger.account_balances;
        DROP FUNCTION ledger.balance(text, text);
    END IF;
END
$$;
DROP FUNCTION IF EXISTS ledger.liability(timestamptz, timestamptz, text, text, text);
DROP FUNCTION IF EXISTS ledger.lots_of(text, text, bigint, integer);
DROP FUNCTION IF EXISTS ledger.liability(timestamptz, timestamptz, text, text, text, boolean);
DROP FUNCTION IF EXISTS ledger.define_operation(
    text, text, bigint, bigint, bigint, boolean, text, integer, text, text, text, interval, bigint, bigint, text, bigint, text,
    integer, text [], text []
);
