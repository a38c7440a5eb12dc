-- Refused while accounts are moved: the older version would open them again.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.operator_actions WHERE action = 'move_account') THEN
        RAISE EXCEPTION 'Accounts were moved here. '
            'The version before cannot read them: keep this version, or restore a backup.';
    END IF;
END
$$;

-- The older version has neither.
DROP FUNCTION IF EXISTS ledger.move_account, ledger_core.move_account;

ALTER TABLE ledger.operations
DROP CONSTRAINT operations_name_not_reserved,
ADD CONSTRAINT operations_name_not_reserved CHECK (
    operation NOT IN ('ADJUSTMENT', 'CARRY_OVER', 'EXPIRY', 'FORFEITURE', 'REVERSAL')
) NOT VALID;

ALTER TABLE ledger.operator_actions
DROP CONSTRAINT operator_actions_action_known,
ADD CONSTRAINT operator_actions_action_known CHECK (
    action IN (
        'adjust_balance', 'set_min_balance', 'freeze_account', 'unfreeze_account', 'reverse_entry', 'set_budget',
        'drop_budget', 'end_allowance'
    )
) NOT VALID;

ALTER TABLE ledger.accounts
DROP COLUMN moved_to;
