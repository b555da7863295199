-- Chats that can be kept in order and found again.

CREATE TABLE folders (
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    instructions text NOT NULL DEFAULT '',         -- told to the model in every chat of the folder
    document_tags text[] NOT NULL DEFAULT '{}',    -- its chats search documents with one of these labels; empty: all
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX folders_user_id_name_idx ON folders (user_id, lower(name));

ALTER TABLE chats
    ADD COLUMN folder_id text REFERENCES folders ON DELETE SET NULL,
    ADD COLUMN pinned_at timestamptz,
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN temporary boolean NOT NULL DEFAULT false, -- in no list and no search; deleted a day after it last changed
    ADD COLUMN titled_by text NOT NULL DEFAULT 'person' CONSTRAINT chats_titled_by_check
        CHECK (titled_by IN ('question', 'model', 'person')),
    ADD COLUMN source text,                              -- which program's export it comes from
    ADD COLUMN source_id text;                           -- and what it is called there
CREATE INDEX chats_folder_id_idx ON chats (folder_id) WHERE folder_id IS NOT NULL;
CREATE INDEX chats_pinned_idx ON chats (user_id, pinned_at DESC) WHERE pinned_at IS NOT NULL;
CREATE INDEX chats_temporary_idx ON chats (updated_at) WHERE temporary;
-- Whoever imports the same file twice has each chat once.
CREATE UNIQUE INDEX chats_source_idx ON chats (user_id, source, source_id) WHERE source_id IS NOT NULL;

-- Words of messages, in both languages and without accents. PostgreSQL keeps at most 1 MB of them: what lies beyond the
-- first 200,000 characters of a message is not found.
ALTER TABLE messages ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    to_tsvector('spanish', fold_accents(left(content, 200000))) || to_tsvector('english', fold_accents(left(content, 200000)))
) STORED;
CREATE INDEX messages_search_idx ON messages USING gin (search) WITH (gin_pending_list_limit = 256);

DROP TRIGGER chats_changed ON chats;
CREATE TRIGGER chats_changed
    -- Not of `revision` alone: a document that a thousand chats cite raises that of them all.
    AFTER INSERT OR DELETE OR UPDATE OF title, leaf_id, updated_at, archived, pinned_at, folder_id, tags ON chats
    FOR EACH ROW EXECUTE FUNCTION notify_chats_changed();
