CREATE OR REPLACE FUNCTION ledger.reverse_entry(
    app text,
    nonce text,
    original_nonce text,
    amount bigint DEFAULT NULL,
    metadata jsonb DEFAULT NULL,
    free_claim boolean DEFAULT FALSE
)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_original record;
BEGIN
    PERFORM ledger_core.check_key('nonce', reverse_entry.nonce);
    PERFORM ledger_core.check_key('original_nonce', reverse_entry.original_nonce);
    PERFORM ledger_core.check_metadata(reverse_entry.metadata);
    PERFORM ledger_core.check_authorized(reverse_entry.app);
    SELECT owner_id, asset, seq INTO v_original
    FROM ledger.entries
    WHERE app = reverse_entry.app AND nonce = reverse_entry.original_nonce;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse('entry_not_found', jsonb_build_object(
            'app', reverse_entry.app, 'original_nonce', reverse_entry.original_nonce
        ));
    END IF;
    PERFORM ledger_core.check_nonce_not_held(reverse_entry.app, reverse_entry.nonce, v_original.owner_id);
    RETURN ledger_core.reverse_entry(
        v_original.owner_id, v_original.asset, reverse_entry.app, reverse_entry.nonce, v_original.seq,
        reverse_entry.amount, reverse_entry.metadata, coalesce(reverse_entry.free_claim, FALSE)
    );
END
$$;

COMMENT ON FUNCTION ledger.reverse_entry IS
'Takes back an entry of the same app, wholly or in part, by an entry of operation REVERSAL, and returns that; replayed is
true if the same request had done so before.
original_nonce: of the entry to reverse, not itself a reversal. amount: how much of it to take back, a positive number of
whole units; null takes back all that is left. All reversals of an entry together never exceed it.
A debit gives its credits back to the lots that they came from (those that have expired meanwhile expire at once, by an
EXPIRY entry); a credit can be taken back only while it is available and has not expired.
free_claim: lets a wholly reversed claim be claimed again. Raises LG001, LG002, LG101, LG104, LG201, LG301, LG303, LG305, LG401.';
