-- Refused while there are traces of budgets in journals: the older version would report these for ever.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.operation_changes WHERE change LIKE 'budget%')
        OR EXISTS (SELECT 1 FROM ledger.operator_actions WHERE action LIKE '%budget')
    THEN
        RAISE EXCEPTION 'Budgets were set or defined here, and the journals, which are append only, tell of them. '
            'The version before cannot read these lines: keep this version, or restore a backup.';
    END IF;
END
$$;

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
