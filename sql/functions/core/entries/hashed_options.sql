-- requires: functions/core/journals/counted, functions/core/journals/counted_names
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.hashed_options(entry ledger.entries)
RETURNS text
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    coalesce(',expires_at=' || encode(timestamptz_send(entry.expires_at), 'hex'), '')
    || coalesce(',claim_subject=' || ledger_core.counted(entry.claim_subject), '')
    || coalesce(',hold_nonce=' || ledger_core.counted(entry.hold_nonce), '')
    || coalesce(',hold_final=' || entry.hold_final::text, '')
    || coalesce(',reverses_seq=' || entry.reverses_seq::text, '')
    || coalesce(',frees_claim=' || entry.frees_claim::text, '')
    || coalesce(',claim_slot=' || entry.claim_slot::text, '')
    || coalesce(',subject_slot=' || entry.subject_slot::text, '')
    || coalesce(',spender=' || ledger_core.counted(entry.spender), '')
    || coalesce(',quantity=' || entry.quantity::text, '')
    || coalesce(',unit_amount=' || entry.unit_amount::text, '')
    || coalesce(',unit_size=' || entry.unit_size::text, '')
    || coalesce(',rounding=' || ledger_core.counted(entry.rounding), '')
    || coalesce(',overdrawn=' || entry.overdrawn::text, '')
    || coalesce(',credit_class=' || ledger_core.counted(entry.credit_class), '')
    || coalesce(',priority=' || entry.priority::text, '')
    || coalesce(',usable_for=' || ledger_core.counted_names(entry.usable_for), '')
    || coalesce(',usable_in=' || ledger_core.counted_names(entry.usable_in), '')
    || coalesce(',peer_owner_id=' || ledger_core.counted(entry.peer_owner_id), '')
    || coalesce(',peer_seq=' || entry.peer_seq::text, '')
$$;

COMMENT ON FUNCTION ledger_core.hashed_options IS
'The part of an entry''s canonical text for expiry, claim, hold, reversal, spender,
quantity, debt, class and use, and transfer; empty for an entry with none of them.';
