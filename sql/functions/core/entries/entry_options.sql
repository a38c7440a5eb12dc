-- Apart from ledger_core.entry_bytes because most entries have none of it: an expression is set up as a whole
-- in every call, also the parts that are not evaluated.
CREATE OR REPLACE FUNCTION ledger_core.entry_options(
    expires_at timestamptz,
    claim_subject text,
    hold_nonce text,
    hold_final boolean,
    reverses_seq bigint,
    frees_claim boolean,
    claim_slot integer,
    subject_slot integer
)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN
        coalesce(',expires_at=' || encode(timestamptz_send(expires_at), 'hex'), '')
        || coalesce(',claim_subject=' || length(claim_subject)::text || ':' || claim_subject, '')
        || coalesce(',hold_nonce=' || length(hold_nonce)::text || ':' || hold_nonce, '')
        || coalesce(',hold_final=' || hold_final::text, '')
        || coalesce(',reverses_seq=' || reverses_seq::text, '')
        || coalesce(',frees_claim=' || frees_claim::text, '')
        || coalesce(',claim_slot=' || claim_slot::text, '')
        || coalesce(',subject_slot=' || subject_slot::text, '');
END
$$;

COMMENT ON FUNCTION ledger_core.entry_options IS
'The part of an entry''s canonical text that tells of expiry, claim, hold and reversal; empty for an entry with none of them.';
