-- Operators end allowances by hand.
-- depends: 0032_transfers

ALTER TABLE ledger.operator_actions
DROP CONSTRAINT operator_actions_action_known,
ADD CONSTRAINT operator_actions_action_known CHECK (
    action IN (
        'adjust_balance', 'set_min_balance', 'freeze_account', 'unfreeze_account', 'reverse_entry', 'set_budget',
        'drop_budget', 'end_allowance'
    )
) NOT VALID;
