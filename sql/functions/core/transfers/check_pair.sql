CREATE OR REPLACE FUNCTION ledger_core.check_pair(from_owner_id text, to_owner_id text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.check_key('from_owner_id', from_owner_id);
    PERFORM ledger_core.check_key('to_owner_id', to_owner_id);
    IF from_owner_id = to_owner_id THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'to_owner_id', 'reason', 'must be another owner than from_owner_id'
        ));
    END IF;
    -- An account of before may have such a name.
    IF NOT EXISTS (SELECT 1 FROM ledger.accounts WHERE accounts.owner_id = to_owner_id) THEN
        PERFORM ledger_core.check_addressable('to_owner_id', to_owner_id);
    END IF;
    PERFORM ledger_core.check_partition(from_owner_id);
    IF NOT ledger_core.keeps_owner(to_owner_id) THEN
        PERFORM ledger_core.refuse(
            'other_partition',
            jsonb_build_object('owner_ids', jsonb_build_array(from_owner_id, to_owner_id)),
            'Credits go between owners of one partition only.'
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_pair IS
'Raises LG001 naming the field unless these can be two owners, LG310 or LG311 unless this partition keeps both.';
