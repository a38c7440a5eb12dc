-- Operators may reverse entries of apps; that is noted among what they did.
-- depends: 0014_partitions

ALTER TABLE ledger.operator_actions DROP CONSTRAINT operator_actions_action_known;

ALTER TABLE ledger.operator_actions ADD CONSTRAINT operator_actions_action_known CHECK (
    action IN ('adjust_balance', 'set_min_balance', 'freeze_account', 'unfreeze_account', 'reverse_entry')
) NOT VALID;

COMMENT ON TABLE ledger.operator_actions IS 'Adjustments, reversals, floors and freezes by hand, with actor, reason, database role and the values before and after. Append only.';

COMMENT ON COLUMN ledger.operator_actions.seq IS 'The entry that an adjustment or a reversal recorded.';
