-- Who is here: browsers that are signed in can be told apart.
ALTER TABLE sessions
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN user_agent text;
