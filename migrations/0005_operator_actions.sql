-- The journal of what operators did by hand.
-- depends: 0003_accounts_and_entries

CREATE TABLE ledger.operator_actions (
    action_id bigint GENERATED ALWAYS AS IDENTITY,
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
    CONSTRAINT operator_actions_pkey PRIMARY KEY (owner_id, action_id),
    CONSTRAINT operator_actions_action_known CHECK (
        action IN ('adjust_balance', 'set_min_balance', 'freeze_account', 'unfreeze_account')
    ),
    CONSTRAINT operator_actions_actor_length CHECK (length(actor) BETWEEN 1 AND 255),
    CONSTRAINT operator_actions_reason_length CHECK (length(reason) BETWEEN 1 AND 1000)
);

COMMENT ON TABLE ledger.operator_actions IS 'Adjustments, floors and freezes, with actor, reason, database role and the values before and after. Append only.';

COMMENT ON COLUMN ledger.operator_actions.role_name IS 'Database role that called the function; actor is the person that it named.';

COMMENT ON COLUMN ledger.operator_actions.seq IS 'The entry that an adjustment recorded.';
