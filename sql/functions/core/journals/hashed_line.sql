-- requires: functions/core/journals/counted, functions/core/journals/text_bytes
-- The canonical form of a line of a journal, made like that of an entry: immutable and independent of session settings,
-- eight-byte big-endian numbers and then text in which every part is counted, so that no two lines have the same form.
CREATE OR REPLACE FUNCTION ledger_core.hashed_line(
    number bigint, at timestamptz, xact_id xid8, texts text [], options text
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    int8send(number) || timestamptz_send(at) || xid8send(xact_id)
    || ledger_core.text_bytes((
        SELECT string_agg(coalesce(ledger_core.counted(parts.content), ''), ',' ORDER BY parts.place)
        FROM unnest(texts) WITH ORDINALITY AS parts (content, place)
    ) || options)
$$;

COMMENT ON FUNCTION ledger_core.hashed_line IS
'The canonical bytes of a line of a journal; the argument of ledger_core.chain_hash. number: its place in the chain.
texts: the columns that every line has, in order. options: the columns that only some lines have, as text that is empty or
begins with a comma.';
