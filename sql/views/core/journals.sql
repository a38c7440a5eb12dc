-- requires: functions/core/journals/hashed_action, functions/core/journals/hashed_change
-- requires: functions/core/journals/hashed_hold_event, functions/core/journals/hashed_allowance_event
CREATE OR REPLACE VIEW ledger_core.journals AS
SELECT
    'operator_actions' AS journal,
    TRUE AS of_account,
    actions.owner_id,
    actions.asset,
    actions.action_seq AS number,
    actions.xact_id,
    actions.hash,
    ledger_core.hashed_action(actions) AS line_bytes,
    actions.seq,
    jsonb_build_object('action_seq', actions.action_seq, 'action', actions.action) AS line,
    actions.acted_at AS at
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
    ledger_core.hashed_change(changes),
    NULL,
    jsonb_build_object(
        'change_id', changes.change_id, 'change', changes.change, 'operation', changes.operation, 'app', changes.app
    ),
    changes.changed_at
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
    ledger_core.hashed_hold_event(events),
    events.seq,
    jsonb_build_object(
        'event_seq', events.event_seq, 'event', events.event, 'app', events.app, 'hold_nonce', events.hold_nonce
    ),
    events.happened_at
FROM ledger.hold_events AS events
UNION ALL
SELECT
    'allowance_events',
    TRUE,
    events.owner_id,
    events.asset,
    events.event_seq,
    events.xact_id,
    events.hash,
    ledger_core.hashed_allowance_event(events),
    events.seq,
    jsonb_build_object(
        'event_seq', events.event_seq, 'event', events.event, 'app', events.app, 'allowance_nonce', events.allowance_nonce
    ),
    events.happened_at
FROM ledger.allowance_events AS events;

COMMENT ON VIEW ledger_core.journals IS
'The lines of the journals in one form. journal, owner_id, asset: the chain that a line belongs to (of_account is
false for the catalogue''s, which has neither owner nor asset). number, hash: its place there. line_bytes: its canonical
bytes. line: names it in a discrepancy. at: when it was written.';
