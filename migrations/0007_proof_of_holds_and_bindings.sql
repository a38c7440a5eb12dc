-- Holds, apps, bindings and slots of claim limits leave a trace that cannot be changed unnoticed.
-- depends: 0006_shared_operations

CREATE TABLE ledger.hold_events (
    event_seq bigint NOT NULL,
    happened_at timestamptz NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    hold_nonce text COLLATE "C" NOT NULL,
    event text NOT NULL,
    seq bigint,
    hold jsonb NOT NULL,
    xact_id xid8 NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT hold_events_pkey PRIMARY KEY (owner_id, asset, event_seq),
    CONSTRAINT hold_events_event_known CHECK (
        event IN ('adopted', 'placed', 'captured', 'extended', 'released', 'expired')
    )
);

COMMENT ON TABLE ledger.hold_events IS 'Everything that happened to every hold, with the hold as it stood afterwards. Append only.';

COMMENT ON COLUMN ledger.hold_events.event_seq IS 'Position among the events of the account''s holds: 1, 2, 3 … in commit order.';

COMMENT ON COLUMN ledger.hold_events.event IS 'placed, captured (also in part), extended, released, expired; adopted: the hold is older than this journal.';

COMMENT ON COLUMN ledger.hold_events.seq IS 'The entry that a capture recorded.';

COMMENT ON COLUMN ledger.hold_events.hold IS 'The hold after the event, times in UTC; lots: how much of which lot it reserves, by the seq of the entry that granted it.';

COMMENT ON COLUMN ledger.hold_events.xact_id IS 'Transaction that wrote the line: a checkpoint covers what is older than its horizon.';

COMMENT ON COLUMN ledger.hold_events.hash IS 'SHA-256 over the hash of the account''s line before and this line; see ledger_core.hold_event_bytes.';

-- Intervals are kept as text, for which there are several styles.
SELECT set_config('intervalstyle', 'postgres', TRUE);

-- Holds that are there already enter the journal as they stand. The functions that write the other lines
-- are loaded later: the lines are made here as ledger_core.hold_facts and hold_event_bytes say.
WITH RECURSIVE lines AS (
    SELECT
        row_number() OVER (
            PARTITION BY holds.owner_id, holds.asset ORDER BY holds.placed_at, holds.app, holds.nonce
        ) AS event_seq,
        now() AS happened_at,
        holds.owner_id,
        holds.asset,
        holds.app,
        holds.nonce AS hold_nonce,
        jsonb_build_object(
            'operation', holds.operation,
            'amount', holds.amount,
            'captured', holds.captured,
            'status', holds.status,
            'placed_at', to_char(holds.placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'expires_in', holds.expires_in,
            'expires_at', to_char(holds.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'closed_at', to_char(holds.closed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'metadata', holds.metadata,
            'lots', coalesce(reserved.lots, '{}')
        ) AS hold,
        pg_current_xact_id() AS xact_id
    FROM ledger.holds
    LEFT JOIN (
        SELECT
            hold_lots.owner_id,
            hold_lots.app,
            hold_lots.hold_nonce,
            jsonb_object_agg(hold_lots.lot_seq, hold_lots.amount) AS lots
        FROM ledger.hold_lots
        GROUP BY hold_lots.owner_id, hold_lots.app, hold_lots.hold_nonce
    ) AS reserved
        ON holds.owner_id = reserved.owner_id AND holds.app = reserved.app AND holds.nonce = reserved.hold_nonce
),

chain AS (
    SELECT
        accounts.owner_id,
        accounts.asset,
        0::bigint AS event_seq,
        decode(repeat('00', 32), 'hex') AS hash
    FROM (SELECT DISTINCT lines.owner_id, lines.asset FROM lines) AS accounts
    UNION ALL
    SELECT
        lines.owner_id,
        lines.asset,
        lines.event_seq,
        sha256(
            chain.hash || int8send(lines.event_seq) || timestamptz_send(lines.happened_at) || xid8send(lines.xact_id)
            || decode(replace(
                length(lines.owner_id)::text || ':' || lines.owner_id
                || ',' || length(lines.asset)::text || ':' || lines.asset
                || ',' || length(lines.app)::text || ':' || lines.app
                || ',' || length(lines.hold_nonce)::text || ':' || lines.hold_nonce
                || ',7:adopted'
                || ',' || length(lines.hold::text)::text || ':' || lines.hold::text,
                E'\\', E'\\\\'
            ), 'escape')
        ) AS hash
    FROM chain
    INNER JOIN lines
        ON chain.owner_id = lines.owner_id AND chain.asset = lines.asset AND chain.event_seq + 1 = lines.event_seq
)

INSERT INTO ledger.hold_events (event_seq, happened_at, owner_id, asset, app, hold_nonce, event, hold, xact_id, hash)
SELECT
    lines.event_seq,
    lines.happened_at,
    lines.owner_id,
    lines.asset,
    lines.app,
    lines.hold_nonce,
    'adopted',
    lines.hold,
    lines.xact_id,
    chain.hash
FROM lines
INNER JOIN chain
    ON lines.owner_id = chain.owner_id AND lines.asset = chain.asset AND lines.event_seq = chain.event_seq;

-- The journal of operations becomes that of the whole catalogue. Its name stays: checkpoints were taken of it.
ALTER TABLE ledger.operation_changes ALTER COLUMN operation DROP NOT NULL;

ALTER TABLE ledger.operation_changes ADD COLUMN role_name text COLLATE "C";

ALTER TABLE ledger.operation_changes DROP CONSTRAINT operation_changes_change_known;

ALTER TABLE ledger.operation_changes ADD CONSTRAINT operation_changes_change_known CHECK (
    CASE
        WHEN change IN ('defined', 'retired') THEN operation IS NOT NULL AND num_nonnulls(app, role_name) = 0
        WHEN change = 'allowed' THEN num_nulls(operation, app) = 0 AND role_name IS NULL
        WHEN change = 'registered' THEN app IS NOT NULL AND num_nonnulls(operation, role_name) = 0
        WHEN change IN ('bound', 'unbound') THEN num_nulls(app, role_name) = 0 AND operation IS NULL
        ELSE FALSE
    END
);

COMMENT ON TABLE ledger.operation_changes IS 'Every change of the catalogue, with time, role and the rule as it stood afterwards, so that the price of any day can be looked up: of operations (app is null), of an app''s own bounds for one, of apps (registered) and of the logins that may record for them (bound, unbound). Append only.';

COMMENT ON COLUMN ledger.operation_changes.role_name IS 'The login that was bound to the app, or no longer is.';

-- Apps and bindings that are there already, as ledger_core.note_change would have noted them.
WITH RECURSIVE lines AS (
    SELECT
        newest.change_id + row_number() OVER (ORDER BY present.app, present.change DESC, present.role_name) AS change_id,
        now() AS changed_at,
        current_user::text AS changed_by,
        present.change,
        present.app,
        present.role_name,
        present.rule,
        pg_current_xact_id() AS xact_id
    FROM (
        SELECT
            'registered' AS change,
            apps.app,
            NULL AS role_name,
            jsonb_build_object(
                'description', apps.description,
                'registered_at', to_char(apps.registered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            ) AS rule
        FROM ledger.apps
        UNION ALL
        SELECT
            'bound',
            app_roles.app,
            app_roles.role_name,
            jsonb_build_object(
                'bound_at', to_char(app_roles.bound_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            )
        FROM ledger.app_roles
    ) AS present
    CROSS JOIN (SELECT max(changes.change_id) AS change_id FROM ledger.operation_changes AS changes) AS newest
),

chain AS (
    (
        SELECT
            changes.change_id,
            changes.hash
        FROM ledger.operation_changes AS changes
        ORDER BY changes.change_id DESC
        LIMIT 1
    )
    UNION ALL
    SELECT
        lines.change_id,
        sha256(
            chain.hash || int8send(lines.change_id) || timestamptz_send(lines.changed_at) || xid8send(lines.xact_id)
            || decode(replace(
                length(lines.change)::text || ':' || lines.change
                || ','
                || ',' || length(lines.changed_by)::text || ':' || lines.changed_by
                || ',' || length(lines.rule::text)::text || ':' || lines.rule::text
                || ',app=' || length(lines.app)::text || ':' || lines.app
                || coalesce(',role_name=' || length(lines.role_name)::text || ':' || lines.role_name, ''),
                E'\\', E'\\\\'
            ), 'escape')
        ) AS hash
    FROM chain
    INNER JOIN lines ON chain.change_id + 1 = lines.change_id
)

INSERT INTO ledger.operation_changes (change_id, changed_at, changed_by, change, app, role_name, rule, xact_id, hash)
SELECT
    lines.change_id,
    lines.changed_at,
    lines.changed_by,
    lines.change,
    lines.app,
    lines.role_name,
    lines.rule,
    lines.xact_id,
    chain.hash
FROM lines
INNER JOIN chain ON lines.change_id = chain.change_id;

ALTER TABLE ledger.entries ADD COLUMN claim_slot integer;

ALTER TABLE ledger.entries ADD COLUMN subject_slot integer;

COMMENT ON COLUMN ledger.entries.claim_slot IS 'The slot of the owner''s claim limit that the entry took; null if it took none, and for entries older than this column.';

COMMENT ON COLUMN ledger.entries.subject_slot IS 'The slot of the claim_subject''s limit that the entry took; null as claim_slot.';
