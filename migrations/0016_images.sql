-- Images that are asked about. They stand in the database: whatever deletes their question deletes them in the same moment.

CREATE TABLE images (
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    -- Its question, once that is asked or waits to be; until then it is about to be sent. Told before its question is stored,
    -- so the rows are compared at the end of the transaction.
    message_id text REFERENCES messages ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    queued_id text REFERENCES queued_messages ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    share_token text REFERENCES shares (token) ON DELETE CASCADE, -- a copy that a shared chat shows
    place integer NOT NULL DEFAULT 0,                             -- among those of its question
    media_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    content bytea NOT NULL,                                       -- as written by us: nothing but the picture
    created_at timestamptz NOT NULL
);
-- Compressed already.
ALTER TABLE images ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX images_message_id_idx ON images (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX images_queued_id_idx ON images (queued_id) WHERE queued_id IS NOT NULL;
CREATE INDEX images_share_token_idx ON images (share_token) WHERE share_token IS NOT NULL;
CREATE INDEX images_user_id_idx ON images (user_id, created_at) WHERE message_id IS NULL;
