-- requires: functions/core/journals/counted, functions/core/journals/text_bytes
-- Immutable and independent of session settings; every part is counted or of a fixed length.
CREATE OR REPLACE FUNCTION ledger_core.hashed_reservation(reservation ledger.claim_reservations)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT sha256(
    timestamptz_send(reservation.reserved_at)
    || timestamptz_send(reservation.claim_deadline)
    || timestamp_send(reservation.period_start)
    || int4send(reservation.slot)
    || int4send(reservation.attempts)
    || ledger_core.text_bytes(
        ledger_core.counted(reservation.owner_id)
        || ledger_core.counted(reservation.asset)
        || ledger_core.counted(reservation.app)
        || ledger_core.counted(reservation.nonce)
        || ledger_core.counted(reservation.operation)
        || ledger_core.counted(reservation.claim_subject)
        || ledger_core.counted(reservation.scope_app)
    )
    || coalesce(timestamptz_send(reservation.kept_at), '')
)
$$;

COMMENT ON FUNCTION ledger_core.hashed_reservation IS
'SHA-256 over all columns of a reservation but the hash itself.';
