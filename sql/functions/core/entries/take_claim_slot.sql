CREATE OR REPLACE FUNCTION ledger_core.take_claim_slot(
    operation text,
    subject_kind text,
    subject text,
    scope_app text,
    period_start timestamp,
    slot integer,
    owner_id text,
    asset text,
    seq bigint
)
RETURNS boolean
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    -- Other owners may take slots of the same claim_subject at this moment: the primary key decides.
    INSERT INTO ledger.claims (operation, subject_kind, subject, scope_app, period_start, slot, owner_id, asset, seq)
    VALUES (
        take_claim_slot.operation, take_claim_slot.subject_kind, take_claim_slot.subject, take_claim_slot.scope_app,
        take_claim_slot.period_start, take_claim_slot.slot, take_claim_slot.owner_id, take_claim_slot.asset,
        take_claim_slot.seq
    )
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION ledger_core.take_claim_slot IS
'Takes one slot of a claim limit on behalf of the entry seq. False if it is taken.';
