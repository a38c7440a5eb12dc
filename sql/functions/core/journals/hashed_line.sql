-- requires: functions/core/journals/counted, functions/core/journals/text_bytes
-- The canonical form of a line of a journal, made like that of an entry: immutable and independent of session settings,
-- eight-byte big-endian numbers and then text in which every part is counted, so that no two lines have the same form.
CREATE OR REPLACE FUNCTION ledger_core.hashed_line(
    number bigint, at timestamptz, xact_id xid8, texts text [], options text
)
RETURNS bytea
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
    v_text text;
    v_texts text;
BEGIN
    FOREACH v_text IN ARRAY texts LOOP
        v_texts := coalesce(v_texts || ',', '') || coalesce(ledger_core.counted(v_text), '');
    END LOOP;
    RETURN int8send(number) || timestamptz_send(at) || xid8send(xact_id) || ledger_core.text_bytes(v_texts || options);
END
$$;

COMMENT ON FUNCTION ledger_core.hashed_line IS
'The canonical bytes of a line of a journal; the argument of ledger_core.chain_hash. number: its place in the chain.
texts: the columns that every line has, in order. options: the columns that only some lines have, as text that is empty or
begins with a comma.';
