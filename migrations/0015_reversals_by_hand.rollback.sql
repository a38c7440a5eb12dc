-- Refused while there are reversals by hand: the older version would report them for ever.
ALTER TABLE ledger.operator_actions DROP CONSTRAINT operator_actions_action_known;

ALTER TABLE ledger.operator_actions ADD CONSTRAINT operator_actions_action_known CHECK (
    action IN ('adjust_balance', 'set_min_balance', 'freeze_account', 'unfreeze_account')
);

COMMENT ON TABLE ledger.operator_actions IS 'Adjustments, floors and freezes, with actor, reason, database role and the values before and after. Append only.';

COMMENT ON COLUMN ledger.operator_actions.seq IS 'The entry that an adjustment recorded.';
