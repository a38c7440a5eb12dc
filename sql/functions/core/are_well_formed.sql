-- One pass over the whole document: far cheaper than looking at the fields of each item.
CREATE OR REPLACE FUNCTION ledger_core.are_well_formed(items jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    IF items @? '$[*] ? (
        @.type() != "object" || !(@.owner_id.type() == "string") || !(@.operation.type() == "string")
        || !(@.nonce.type() == "string")
        || (@.amount.type() != "number" && @.amount.type() != "null")
        || (@.expires_at.type() != "string" && @.expires_at.type() != "null")
        || (@.claim_subject.type() != "string" && @.claim_subject.type() != "null")
    )' THEN
        RETURN FALSE;
    END IF;
    RETURN NOT EXISTS (
        SELECT 1 FROM jsonb_array_elements(items) AS elements (item)
        WHERE elements.item - ledger_core.item_fields() <> '{}'
    );
END
$$;

COMMENT ON FUNCTION ledger_core.are_well_formed(jsonb) IS
'True if all items of a batch are objects with only known fields, the required ones present, each of its JSON type.';
