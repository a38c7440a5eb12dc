-- requires: dropped/0.1_answers
-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.reverse_entry(
    app text,
    nonce text,
    original_nonce text,
    amount bigint DEFAULT NULL,
    metadata jsonb DEFAULT NULL,
    free_claim boolean DEFAULT FALSE,
    owner_id text DEFAULT NULL
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM ledger_core.check_nonce(reverse_entry.app, reverse_entry.nonce);
    PERFORM ledger_core.check_key('original_nonce', reverse_entry.original_nonce);
    PERFORM ledger_core.check_metadata(reverse_entry.metadata);
    PERFORM ledger_core.check_authorized(reverse_entry.app);
    IF reverse_entry.owner_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM ledger.entries
        WHERE app = reverse_entry.app AND nonce = reverse_entry.original_nonce AND owner_id = reverse_entry.owner_id
    ) THEN
        PERFORM ledger_core.check_named_owner(reverse_entry.owner_id);
        PERFORM ledger_core.refuse('entry_not_found', jsonb_build_object(
            'app', reverse_entry.app, 'original_nonce', reverse_entry.original_nonce, 'owner_id', reverse_entry.owner_id
        ));
    END IF;
    RETURN ledger_core.take_back(
        reverse_entry.app, reverse_entry.nonce, reverse_entry.original_nonce, reverse_entry.amount, reverse_entry.metadata,
        reverse_entry.free_claim, FALSE
    );
END
$$;

COMMENT ON FUNCTION ledger.reverse_entry IS
'Takes back an entry of the same app, wholly or in part, by an entry of operation REVERSAL, and returns that; replayed is
true if the same request had done so before.
original_nonce: of the entry to reverse, not itself a reversal. amount: how much of it to take back, a positive number of
whole units; null takes back all that is left. All reversals of an entry together never exceed it.
A debit gives its credits back to the lots that they came from (those that have expired meanwhile expire at once, by an
EXPIRY entry); a credit can be taken back only while it is available and has not expired. A transfer is taken back on both sides
together, as far as the receiver has it available; the answer is the sender''s entry.
free_claim: lets a wholly reversed claim be claimed again. owner_id: whose entry it must be; with partitions, it tells where
the entry is. Null: the nonce says it. Raises LG001, LG002, LG101, LG104, LG201, LG301, LG303, LG305,
LG311, LG401.';
