-- The journal of what operators did by hand.
-- depends: 0003_accounts_and_entries

CREATE TABLE ledger.operator_actions (
    action_seq bigint NOT NULL,
    acted_at timestamptz NOT NULL,
    role_name text NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    seq bigint,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    xact_id xid8 NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT operator_actions_pkey PRIMARY KEY (owner_id, asset, action_seq),
    CONSTRAINT operator_actions_action_known CHECK (
        action IN ('adjust_balance', 'set_min_balance', 'freeze_account', 'unfreeze_account')
    ),
    CONSTRAINT operator_actions_actor_length CHECK (length(actor) BETWEEN 1 AND 255),
    CONSTRAINT operator_actions_reason_length CHECK (length(reason) BETWEEN 1 AND 1000)
);

COMMENT ON TABLE ledger.operator_actions IS 'Adjustments, floors and freezes, with actor, reason, database role and the values before and after. Append only.';

COMMENT ON COLUMN ledger.operator_actions.action_seq IS 'Position among the actions on the account: 1, 2, 3 … in commit order.';

COMMENT ON COLUMN ledger.operator_actions.role_name IS 'Database role that called the function; actor is the person that it named.';

COMMENT ON COLUMN ledger.operator_actions.seq IS 'The entry that an adjustment recorded.';

COMMENT ON COLUMN ledger.operator_actions.xact_id IS 'Transaction that wrote the line: a checkpoint covers what is older than its horizon.';

COMMENT ON COLUMN ledger.operator_actions.hash IS 'SHA-256 over the hash of the account''s line before and this line; see ledger_core.action_bytes.';
