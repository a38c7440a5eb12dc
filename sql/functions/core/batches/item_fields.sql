CREATE OR REPLACE FUNCTION ledger_core.item_fields()
RETURNS text []
LANGUAGE sql
IMMUTABLE
AS $$
SELECT '{owner_id,operation,nonce,amount,metadata,expires_at,claim_subject,claim_deadline,spender,quantity,to_owner_id}'::text []
$$;

COMMENT ON FUNCTION ledger_core.item_fields IS
'The fields that an item of a batch may have: the parameters of ledger.record_entry without app, and the receiver
of a transfer.';
