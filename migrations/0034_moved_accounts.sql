-- Accounts that were moved to another owner, and closed.
-- The tables stand in the order in which calls lock them, so that a call and the migration do not wait for each other.
-- depends: 0033_allowances_ended_by_hand

ALTER TABLE ledger.operations
DROP CONSTRAINT operations_name_not_reserved,
ADD CONSTRAINT operations_name_not_reserved CHECK (
    operation NOT IN ('ACCOUNT_MOVE', 'ADJUSTMENT', 'CARRY_OVER', 'EXPIRY', 'FORFEITURE', 'REVERSAL')
) NOT VALID;

ALTER TABLE ledger.accounts
ADD COLUMN moved_to text COLLATE "C";

ALTER TABLE ledger.operator_actions
DROP CONSTRAINT operator_actions_action_known,
ADD CONSTRAINT operator_actions_action_known CHECK (
    action IN (
        'adjust_balance', 'set_min_balance', 'freeze_account', 'unfreeze_account', 'reverse_entry', 'set_budget',
        'drop_budget', 'end_allowance', 'move_account'
    )
) NOT VALID;
