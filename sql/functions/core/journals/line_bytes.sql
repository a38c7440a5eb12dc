-- requires: functions/core/journals/text_bytes
-- The canonical form of a line of a journal, made like that of an entry: immutable and independent of session settings,
-- eight-byte big-endian numbers and then text in which every part is counted, so that no two lines have the same form.
-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.line_bytes(number bigint, at timestamptz, xact_id xid8, content text)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$ SELECT int8send(number) || timestamptz_send(at) || xid8send(xact_id) || ledger_core.text_bytes(content) $$;

COMMENT ON FUNCTION ledger_core.line_bytes IS
'The canonical bytes of a line of a journal; the argument of ledger_core.chain_hash. number: its place in the chain.
content: the columns that every line has, in order, counted (ledger_core.counted) and separated by commas; then for each
column that only some lines have, where it is not null, a comma, its name, = and the value.';
