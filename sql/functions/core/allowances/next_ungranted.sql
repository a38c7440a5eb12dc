CREATE OR REPLACE FUNCTION ledger_core.next_ungranted(allowance ledger.allowances, occurrence integer)
RETURNS integer
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_occurrence integer := next_ungranted.occurrence;
BEGIN
    -- Some may have come while the clock was ahead.
    WHILE EXISTS (
        SELECT 1 FROM ledger.allowance_entries AS made
        WHERE made.owner_id = allowance.owner_id AND made.app = allowance.app AND made.allowance_nonce = allowance.nonce
            AND made.occurrence = v_occurrence AND made.kind = 'granted'
    ) LOOP
        v_occurrence := v_occurrence + 1;
    END LOOP;
    RETURN v_occurrence;
END
$$;

COMMENT ON FUNCTION ledger_core.next_ungranted IS
'The number of the first period from the given one on of which no credits have come from an allowance.';
