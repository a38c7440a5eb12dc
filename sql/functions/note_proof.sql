CREATE OR REPLACE FUNCTION ledger.note_proof(kind text, discrepancies bigint DEFAULT 0)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF coalesce(note_proof.kind NOT IN ('verify', 'checkpoint'), TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'kind', 'reason', 'must be verify or checkpoint'
        ));
    ELSIF coalesce(note_proof.discrepancies < 0, TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'discrepancies', 'reason', 'must not be negative'
        ));
    END IF;
    INSERT INTO ledger_core.proofs (kind, role_name, noted_at, discrepancies)
    VALUES (note_proof.kind, ledger_core.caller_role(), ledger_core.clock(), note_proof.discrepancies)
    ON CONFLICT (kind, role_name) DO UPDATE
    SET noted_at = excluded.noted_at, discrepancies = excluded.discrepancies;
END
$$;

COMMENT ON FUNCTION ledger.note_proof IS
'Notes for ledger.proofs that the caller has just proved the books; `ledger verify` and `ledger checkpoint` call it.
kind: verify (the whole ledger was recomputed) or checkpoint. discrepancies: how many were found. Replaces the caller''s
note before. For operators and auditors. Raises LG001.';
