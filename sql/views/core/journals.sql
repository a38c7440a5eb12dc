-- requires: functions/core/operators/action_bytes, functions/core/catalogue/change_bytes, functions/core/holds/hold_event_bytes
CREATE OR REPLACE VIEW ledger_core.journals AS
SELECT
    'operator_actions' AS journal,
    TRUE AS of_account,
    actions.owner_id,
    actions.asset,
    actions.action_seq AS number,
    actions.xact_id,
    actions.hash,
    ledger_core.action_bytes(
        actions.action_seq, actions.acted_at, actions.xact_id, actions.owner_id, actions.asset, actions.action,
        actions.role_name, actions.actor, actions.reason, actions.before, actions.after, actions.seq
    ) AS line_bytes,
    actions.seq,
    jsonb_build_object('action_seq', actions.action_seq, 'action', actions.action) AS line
FROM ledger.operator_actions AS actions
UNION ALL
SELECT
    'operation_changes',
    FALSE,
    '',
    '',
    changes.change_id,
    changes.xact_id,
    changes.hash,
    ledger_core.change_bytes(
        changes.change_id, changes.changed_at, changes.xact_id, changes.change, changes.operation,
        changes.changed_by, changes.rule, changes.app, changes.role_name
    ),
    NULL,
    jsonb_build_object(
        'change_id', changes.change_id, 'change', changes.change, 'operation', changes.operation, 'app', changes.app
    )
FROM ledger.operation_changes AS changes
UNION ALL
SELECT
    'hold_events',
    TRUE,
    events.owner_id,
    events.asset,
    events.event_seq,
    events.xact_id,
    events.hash,
    ledger_core.hold_event_bytes(
        events.event_seq, events.happened_at, events.xact_id, events.owner_id, events.asset, events.app,
        events.hold_nonce, events.event, events.hold, events.seq
    ),
    events.seq,
    jsonb_build_object(
        'event_seq', events.event_seq, 'event', events.event, 'app', events.app, 'hold_nonce', events.hold_nonce
    )
FROM ledger.hold_events AS events;

COMMENT ON VIEW ledger_core.journals IS
'The lines of the journals in one form: the chain that a line belongs to (journal and, unless it is the catalogue''s, of_account: owner and asset), its number there, its hash, and the canonical bytes over which that runs; line: what names it in a discrepancy.';
