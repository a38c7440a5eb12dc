-- Refused while there are reservations: the older version would not know what took their slots.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.claim_reservations) THEN
        RAISE EXCEPTION 'There are reservations of claim subjects, whose entries other partitions keep.';
    END IF;
END
$$;

DROP FUNCTION IF EXISTS ledger_core.hashed_reservation;

DROP TABLE ledger.claim_reservations;
