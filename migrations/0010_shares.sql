-- A chat as it was when its owner shared it: read by whoever has the link, and nothing else of theirs.
CREATE TABLE shares (
    token text PRIMARY KEY,      -- 256 random bits; whoever has it may read the snapshot, which lies beside it
    chat_id text NOT NULL CONSTRAINT shares_chat_id_key UNIQUE REFERENCES chats ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    snapshot jsonb NOT NULL,     -- domain::chat::Snapshot
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX shares_user_id_idx ON shares (user_id);
