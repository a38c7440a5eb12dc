CREATE OR REPLACE FUNCTION ledger.end_allowance_by_hand(
    app text,
    allowance_nonce text,
    actor text,
    reason text,
    at timestamptz DEFAULT NULL,
    forfeit boolean DEFAULT FALSE,
    owner_id text DEFAULT NULL
)
RETURNS ledger.allowance
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
BEGIN
    PERFORM ledger_core.check_key('app', end_allowance_by_hand.app);
    PERFORM ledger_core.check_key('allowance_nonce', end_allowance_by_hand.allowance_nonce);
    PERFORM ledger_core.check_actor(end_allowance_by_hand.actor, end_allowance_by_hand.reason);
    PERFORM ledger_core.check_end(end_allowance_by_hand.at);
    PERFORM ledger_core.check_named_owner(end_allowance_by_hand.owner_id);
    SELECT owner_id, asset INTO v_account
    FROM ledger.allowances
    WHERE app = end_allowance_by_hand.app AND nonce = end_allowance_by_hand.allowance_nonce
        AND owner_id = coalesce(end_allowance_by_hand.owner_id, owner_id);
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse('allowance_not_found', jsonb_strip_nulls(jsonb_build_object(
            'app', end_allowance_by_hand.app, 'allowance_nonce', end_allowance_by_hand.allowance_nonce,
            'owner_id', end_allowance_by_hand.owner_id
        )));
    END IF;
    RETURN ledger_core.end_allowance_by_hand(
        v_account.owner_id, v_account.asset, end_allowance_by_hand.app, end_allowance_by_hand.allowance_nonce,
        end_allowance_by_hand.actor, end_allowance_by_hand.reason, end_allowance_by_hand.at,
        coalesce(end_allowance_by_hand.forfeit, FALSE)
    );
END
$$;

COMMENT ON FUNCTION ledger.end_allowance_by_hand IS
'Ends an allowance of an app by hand, as ledger.end_allowance does for the app itself, and returns it; also on a frozen account.
app, allowance_nonce: of the allowance. actor: the person who decides; reason: why; both are kept in ledger.operator_actions.
at: when; null, or past: now; infinity takes an end back that has not come. forfeit: takes what is left of it as well, as an
entry FORFEITURE, but for what holds reserve; at once only. Repeated, it changes nothing and is not noted again (replayed is
true), but forfeit takes what has come free since. owner_id: whose allowance it must be; with partitions, it tells where it is.
Null: the nonce says it. For operators. Raises LG001, LG106, LG306, LG311.';
