-- Refused while there are traces of budgets in journals: the older version would report these for ever.
ALTER TABLE ledger.operation_changes
DROP CONSTRAINT operation_changes_change_known,
ADD CONSTRAINT operation_changes_change_known CHECK (
    CASE
        WHEN change IN ('defined', 'retired') THEN operation IS NOT NULL AND num_nonnulls(app, role_name) = 0
        WHEN change = 'allowed' THEN num_nulls(operation, app) = 0 AND role_name IS NULL
        WHEN change = 'registered' THEN app IS NOT NULL AND num_nonnulls(operation, role_name) = 0
        WHEN change IN ('bound', 'unbound') THEN num_nulls(app, role_name) = 0 AND operation IS NULL
        WHEN change = 'generation' THEN num_nonnulls(operation, app, role_name) = 0
        ELSE FALSE
    END
);

ALTER TABLE ledger.operator_actions
DROP CONSTRAINT operator_actions_action_known,
ADD CONSTRAINT operator_actions_action_known CHECK (
    action IN ('adjust_balance', 'set_min_balance', 'freeze_account', 'unfreeze_account', 'reverse_entry')
);
