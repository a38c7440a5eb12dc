-- Called when the nonce is taken: then no transaction that has not asked the clock yet can still pass, and whoever finds the
-- nonce free after the deadline knows that there will be no entry (ledger_core.claim_outcome).
CREATE OR REPLACE FUNCTION ledger_core.check_reservation(operation text, claim_subject text, claim_deadline timestamptz)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    IF (check_reservation.claim_deadline >= ledger_core.clock()) IS NOT TRUE
        AND NOT ledger_core.keeps_owner(check_reservation.claim_subject)
        AND EXISTS (
            SELECT 1 FROM ledger.operations
            WHERE operation = check_reservation.operation AND claim_limit IS NOT NULL
        )
    THEN
        PERFORM ledger_core.refuse('claim_not_reserved', ledger_core.subject_detail(
            check_reservation.operation, check_reservation.claim_subject
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_reservation IS
'Raises LG312 if the operation has a claim limit, another partition keeps the claim_subject, and the deadline of its
reservation there has passed or is null.';
