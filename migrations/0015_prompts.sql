-- Questions that are kept to be asked again, with gaps to fill in ("{{language}}").

CREATE TABLE prompts (
    id text PRIMARY KEY,
    user_id text REFERENCES users ON DELETE CASCADE, -- null: everybody's, kept by administrators
    name text NOT NULL,                              -- what is typed after "/"
    content text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX prompts_name_idx ON prompts (COALESCE(user_id, ''), name);
