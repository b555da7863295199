-- Artifacts with all their versions. The row of `artifacts` is the newest one, as the ADR has it; every version, the newest
-- too, is a row of `artifact_versions`, so that nothing is lost whoever saves.

ALTER TABLE artifacts
    ADD COLUMN chat_id text REFERENCES chats ON DELETE SET NULL,
    ADD COLUMN identifier text,                       -- what its model calls it, once in a chat
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN share_token text UNIQUE,               -- 256 random bits; whoever has it may read one version
    ADD COLUMN share_version integer,
    ADD COLUMN shared_at timestamptz;
UPDATE artifacts a SET chat_id = m.chat_id FROM messages m WHERE m.id = a.message_id;
UPDATE artifacts SET title = type WHERE title IS NULL OR btrim(title) = '';
ALTER TABLE artifacts ALTER COLUMN title SET NOT NULL;
CREATE UNIQUE INDEX artifacts_identifier_idx ON artifacts (chat_id, identifier) WHERE identifier IS NOT NULL;
CREATE INDEX artifacts_chat_id_idx ON artifacts (chat_id) WHERE chat_id IS NOT NULL;
CREATE INDEX artifacts_library_idx ON artifacts (user_id, updated_at DESC, id DESC);
DROP INDEX artifacts_user_id_idx; -- the one before begins with it

-- As of messages: what lies beyond the first 200,000 characters is not found, nor is what lies in a file.
ALTER TABLE artifacts ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    to_tsvector('spanish', fold_accents(title || ' ' || left(content, 200000)))
        || to_tsvector('english', fold_accents(title || ' ' || left(content, 200000)))
) STORED;
CREATE INDEX artifacts_search_idx ON artifacts USING gin (search) WITH (gin_pending_list_limit = 256);

CREATE TABLE artifact_versions (
    artifact_id text NOT NULL REFERENCES artifacts ON DELETE CASCADE,
    version integer NOT NULL,
    type text NOT NULL,
    title text NOT NULL,
    content text NOT NULL,       -- the beginning where it lies in a file
    language text,
    metadata jsonb,
    blob_url text,               -- file:<SHA-256>, above 1 MB and of pictures
    blob_size integer,           -- its bytes
    author text NOT NULL CHECK (author IN ('model', 'person')),
    model text,                  -- which, if one made it
    message_id text REFERENCES messages ON DELETE SET NULL,
    restored_from integer,       -- the version that it brought back
    created_at timestamptz NOT NULL,
    PRIMARY KEY (artifact_id, version)
);
CREATE INDEX artifact_versions_message_id_idx ON artifact_versions (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX artifact_versions_blob_url_idx ON artifact_versions (blob_url) WHERE blob_url IS NOT NULL;
INSERT INTO artifact_versions (artifact_id, version, type, title, content, language, metadata, blob_url, blob_size, author, message_id, created_at)
SELECT id, 1, type, title, content, language, metadata, blob_url, blob_size, CASE WHEN message_id IS NULL THEN 'person' ELSE 'model' END,
    message_id, updated_at
FROM artifacts;

-- What each answer made, in the order of its text: the page shows it there.
CREATE TABLE message_artifacts (
    message_id text NOT NULL REFERENCES messages ON DELETE CASCADE,
    n integer NOT NULL,          -- from 0
    artifact_id text REFERENCES artifacts ON DELETE SET NULL, -- null once deleted, or where nothing came of it
    version integer,
    problem text,                -- why a change was not applied
    PRIMARY KEY (message_id, n)
);
CREATE INDEX message_artifacts_artifact_id_idx ON message_artifacts (artifact_id) WHERE artifact_id IS NOT NULL;

-- What is made in a chat that is not kept is not kept either.
CREATE FUNCTION delete_artifacts_of_chat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM artifacts WHERE chat_id = OLD.id;
    RETURN OLD;
END $$;
CREATE TRIGGER chats_take_artifacts BEFORE DELETE ON chats FOR EACH ROW WHEN (OLD.temporary) EXECUTE FUNCTION delete_artifacts_of_chat();
