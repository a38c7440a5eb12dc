-- Refused while the journal tells of one: the older version has no such action.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.operator_actions WHERE action = 'end_allowance') THEN
        RAISE EXCEPTION 'Allowances were ended by hand here, and the journal, which is append only, tells of it. '
            'The version before cannot read these lines: keep this version, or restore a backup.';
    END IF;
END
$$;

-- The older version has neither.
DROP FUNCTION IF EXISTS ledger.end_allowance_by_hand, ledger_core.end_allowance_by_hand;

ALTER TABLE ledger.operator_actions
DROP CONSTRAINT operator_actions_action_known,
ADD CONSTRAINT operator_actions_action_known CHECK (
    action IN (
        'adjust_balance', 'set_min_balance', 'freeze_account', 'unfreeze_account', 'reverse_entry', 'set_budget',
        'drop_budget'
    )
);
