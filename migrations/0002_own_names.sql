-- From the ADR's schema to ours: PostgreSQL names, timestamptz, and what the ADR did not have.
-- Works on an empty database and on one that the ADR's application filled; docs/data-model.md maps every field.

-- Users -----------------------------------------------------------------------------------------------------------
ALTER TABLE "User" RENAME TO users;
ALTER TABLE users RENAME CONSTRAINT "User_pkey" TO users_pkey;
ALTER INDEX "User_email_key" RENAME TO users_email_key;
DROP INDEX "User_email_idx"; -- the unique index serves the same look-ups
ALTER TABLE users RENAME COLUMN "emailVerified" TO email_verified_at;
ALTER TABLE users RENAME COLUMN "createdAt" TO created_at;
ALTER TABLE users RENAME COLUMN "updatedAt" TO updated_at;
ALTER TABLE users
    ALTER COLUMN email_verified_at TYPE timestamptz USING email_verified_at AT TIME ZONE 'UTC',
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC',
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at TYPE timestamptz USING updated_at AT TIME ZONE 'UTC',
    ALTER COLUMN updated_at SET DEFAULT now(),
    ADD COLUMN role text NOT NULL DEFAULT 'user' CONSTRAINT users_role_check CHECK (role IN ('user', 'admin', 'owner')),
    ADD COLUMN last_seen_at timestamptz,
    ADD COLUMN disabled_at timestamptz;
CREATE INDEX users_lower_email_idx ON users (lower(email));

-- Accounts: tokens are sealed by the application in the transaction of this migration, which empties the clear columns
ALTER TABLE "Account" RENAME TO accounts;
ALTER TABLE accounts RENAME CONSTRAINT "Account_pkey" TO accounts_pkey;
ALTER TABLE accounts RENAME CONSTRAINT "Account_userId_fkey" TO accounts_user_id_fkey;
ALTER INDEX "Account_userId_idx" RENAME TO accounts_user_id_idx;
ALTER INDEX "Account_provider_providerAccountId_key" RENAME TO accounts_provider_provider_account_id_key;
ALTER TABLE accounts RENAME COLUMN "userId" TO user_id;
ALTER TABLE accounts RENAME COLUMN "providerAccountId" TO provider_account_id;
ALTER TABLE accounts RENAME COLUMN refresh_token TO refresh_token_clear;
ALTER TABLE accounts RENAME COLUMN access_token TO access_token_clear;
ALTER TABLE accounts RENAME COLUMN id_token TO id_token_clear;
ALTER TABLE accounts RENAME COLUMN expires_at TO expires_at_seconds;
ALTER TABLE accounts
    ADD COLUMN refresh_token bytea,
    ADD COLUMN access_token bytea,
    ADD COLUMN id_token bytea,
    ADD COLUMN expires_at timestamptz;
UPDATE accounts SET expires_at = to_timestamp(expires_at_seconds) WHERE expires_at_seconds IS NOT NULL;
ALTER TABLE accounts DROP COLUMN expires_at_seconds;

-- Sessions: only the hash of a token is kept ---------------------------------------------------------------------------
ALTER TABLE "Session" RENAME TO sessions;
ALTER TABLE sessions RENAME CONSTRAINT "Session_pkey" TO sessions_pkey;
ALTER TABLE sessions RENAME CONSTRAINT "Session_userId_fkey" TO sessions_user_id_fkey;
ALTER INDEX "Session_userId_idx" RENAME TO sessions_user_id_idx;
ALTER TABLE sessions RENAME COLUMN "userId" TO user_id;
ALTER TABLE sessions RENAME COLUMN expires TO expires_at;
ALTER TABLE sessions ADD COLUMN token_hash bytea;
UPDATE sessions SET token_hash = sha256(convert_to("sessionToken", 'UTF8'));
DROP INDEX "Session_sessionToken_key";
ALTER TABLE sessions DROP COLUMN "sessionToken";
-- Dropping a column only hides it, and an update leaves the old row behind. The change of a type comes after both,
-- because it writes the table's file anew: the clear tokens are in no file of the database then.
ALTER TABLE sessions
    ALTER COLUMN user_id DROP NOT NULL, -- a session exists before anybody signs in
    ALTER COLUMN expires_at TYPE timestamptz USING expires_at AT TIME ZONE 'UTC',
    ALTER COLUMN token_hash SET NOT NULL,
    ADD CONSTRAINT sessions_token_hash_key UNIQUE (token_hash),
    ADD COLUMN data jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE sign_in_links (
    token_hash bytea PRIMARY KEY,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    prefix text NOT NULL,
    key_hash bytea NOT NULL CONSTRAINT api_keys_key_hash_key UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz
);
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id);

-- Settings -------------------------------------------------------------------------------------------------------------
ALTER TABLE "UserSettings" RENAME TO user_settings;
ALTER TABLE user_settings RENAME CONSTRAINT "UserSettings_pkey" TO user_settings_pkey;
ALTER TABLE user_settings RENAME CONSTRAINT "UserSettings_userId_fkey" TO user_settings_user_id_fkey;
ALTER INDEX "UserSettings_userId_key" RENAME TO user_settings_user_id_key;
ALTER TABLE user_settings RENAME COLUMN "userId" TO user_id;
ALTER TABLE user_settings RENAME COLUMN "defaultModel" TO default_model;
ALTER TABLE user_settings RENAME COLUMN "maxTokens" TO max_tokens;
ALTER TABLE user_settings RENAME COLUMN "codeTheme" TO code_theme;
ALTER TABLE user_settings RENAME COLUMN "ragEnabled" TO rag_enabled;
ALTER TABLE user_settings RENAME COLUMN "ragTopK" TO rag_top_k;
ALTER TABLE user_settings RENAME COLUMN "ragMinScore" TO rag_min_score;
ALTER TABLE user_settings RENAME COLUMN "emailNotifications" TO email_notifications;
ALTER TABLE user_settings RENAME COLUMN "createdAt" TO created_at;
ALTER TABLE user_settings RENAME COLUMN "updatedAt" TO updated_at;
ALTER TABLE user_settings
    ALTER COLUMN default_model SET DEFAULT '', -- the instance's default
    ALTER COLUMN rag_min_score SET DEFAULT 0.5,
    ALTER COLUMN code_theme SET DEFAULT 'auto',
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC',
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at TYPE timestamptz USING updated_at AT TIME ZONE 'UTC',
    ALTER COLUMN updated_at SET DEFAULT now();
-- 0.7 was the ADR's default on raw cosines, where it meant something else for every model; scores are calibrated now.
UPDATE user_settings SET rag_min_score = 0.5 WHERE rag_min_score = 0.7;

-- What an administrator chose for everybody; secrets in it are sealed by the application.
CREATE TABLE instance_settings (
    key text PRIMARY KEY,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Chats ------------------------------------------------------------------------------------------------------------------
ALTER TABLE "Chat" RENAME TO chats;
ALTER TABLE chats RENAME CONSTRAINT "Chat_pkey" TO chats_pkey;
ALTER TABLE chats RENAME CONSTRAINT "Chat_userId_fkey" TO chats_user_id_fkey;
DROP INDEX "Chat_userId_idx";
DROP INDEX "Chat_createdAt_idx";
ALTER TABLE chats RENAME COLUMN "userId" TO user_id;
ALTER TABLE chats RENAME COLUMN "createdAt" TO created_at;
ALTER TABLE chats RENAME COLUMN "updatedAt" TO updated_at;
ALTER TABLE chats
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC',
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at TYPE timestamptz USING updated_at AT TIME ZONE 'UTC',
    ALTER COLUMN updated_at SET DEFAULT now(),
    -- Grows with every change of the chat or its messages, but not with the text of an answer that is being written:
    -- what caches compare.
    ADD COLUMN revision bigint NOT NULL DEFAULT 0;
CREATE INDEX chats_user_id_updated_at_idx ON chats (user_id, updated_at DESC, id DESC);

ALTER TABLE "Message" RENAME TO messages;
ALTER TABLE messages RENAME CONSTRAINT "Message_pkey" TO messages_pkey;
ALTER TABLE messages RENAME CONSTRAINT "Message_chatId_fkey" TO messages_chat_id_fkey;
DROP INDEX "Message_chatId_idx";
DROP INDEX "Message_createdAt_idx";
ALTER TABLE messages RENAME COLUMN "chatId" TO chat_id;
ALTER TABLE messages RENAME COLUMN "tokensUsed" TO tokens_used;
ALTER TABLE messages RENAME COLUMN "latencyMs" TO latency_ms;
ALTER TABLE messages RENAME COLUMN "createdAt" TO created_at;
ALTER TABLE messages
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC',
    ALTER COLUMN created_at SET DEFAULT now(),
    ADD COLUMN parent_id text REFERENCES messages ON DELETE SET NULL,
    ADD COLUMN status text NOT NULL DEFAULT 'complete' CONSTRAINT messages_status_check
        CHECK (status IN ('complete', 'streaming', 'stopped', 'failed', 'interrupted')),
    ADD COLUMN error jsonb,     -- domain::chat::MessageError
    ADD COLUMN retrieval jsonb; -- domain::chat::RetrievalSummary
CREATE INDEX messages_chat_id_created_at_idx ON messages (chat_id, created_at, id);
CREATE INDEX messages_parent_id_idx ON messages (parent_id) WHERE parent_id IS NOT NULL;

-- One run of a model. It belongs to the server, not to a request; its events are the truth of a stream.
CREATE TABLE generations (
    id text PRIMARY KEY,
    chat_id text NOT NULL REFERENCES chats ON DELETE CASCADE,
    message_id text NOT NULL REFERENCES messages ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    model text NOT NULL,
    status text NOT NULL DEFAULT 'streaming' CONSTRAINT generations_status_check
        CHECK (status IN ('complete', 'streaming', 'stopped', 'failed', 'interrupted')),
    stop_requested boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX generations_one_per_chat ON generations (chat_id) WHERE status = 'streaming';
CREATE INDEX generations_chat_id_idx ON generations (chat_id); -- a chat is deleted with its runs
CREATE INDEX generations_message_id_idx ON generations (message_id);
CREATE INDEX generations_heartbeat_at_idx ON generations (heartbeat_at) WHERE status = 'streaming';

CREATE TABLE generation_events (
    generation_id text NOT NULL REFERENCES generations ON DELETE CASCADE,
    seq bigint NOT NULL,
    event jsonb NOT NULL, -- domain::event::GenerationEvent
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation_id, seq)
);

-- Sources of an answer. No text: title, passage and access are read from documents and chunks whenever it is shown.
CREATE TABLE citations (
    message_id text NOT NULL REFERENCES messages ON DELETE CASCADE,
    n integer NOT NULL,
    document_id text NOT NULL,
    version integer NOT NULL,
    seq integer NOT NULL,
    start_offset integer NOT NULL,
    end_offset integer NOT NULL,
    quote_start integer,       -- the words in the passage that the answer stands on; null: none were found
    quote_end integer,
    page integer,              -- where these words begin, else the passage
    score double precision NOT NULL,
    verdict text NOT NULL CONSTRAINT citations_verdict_check CHECK (verdict IN ('verified', 'weak', 'not_found')),
    CONSTRAINT citations_quote_check CHECK ((quote_start IS NULL) = (quote_end IS NULL)
        AND start_offset <= quote_start AND quote_start < quote_end AND quote_end <= end_offset),
    PRIMARY KEY (message_id, n)
);
CREATE INDEX citations_document_id_idx ON citations (document_id);

-- "Why this answer": what was asked of the indexes, every candidate with its scores, and the time of each stage. No
-- titles: those are read from documents.
CREATE TABLE retrieval_traces (
    message_id text PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
    trace jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Artifacts --------------------------------------------------------------------------------------------------------------
ALTER TABLE "Artifact" RENAME TO artifacts;
ALTER TABLE artifacts RENAME CONSTRAINT "Artifact_pkey" TO artifacts_pkey;
ALTER TABLE artifacts RENAME CONSTRAINT "Artifact_messageId_fkey" TO artifacts_message_id_fkey;
ALTER TABLE artifacts RENAME CONSTRAINT "Artifact_userId_fkey" TO artifacts_user_id_fkey;
ALTER INDEX "Artifact_userId_idx" RENAME TO artifacts_user_id_idx;
ALTER INDEX "Artifact_type_idx" RENAME TO artifacts_type_idx;
ALTER INDEX "Artifact_createdAt_idx" RENAME TO artifacts_created_at_idx;
ALTER TABLE artifacts RENAME COLUMN "messageId" TO message_id;
CREATE INDEX artifacts_message_id_idx ON artifacts (message_id) WHERE message_id IS NOT NULL; -- a message is deleted
ALTER TABLE artifacts RENAME COLUMN "userId" TO user_id;
ALTER TABLE artifacts RENAME COLUMN "blobUrl" TO blob_url;
ALTER TABLE artifacts RENAME COLUMN "blobSize" TO blob_size;
ALTER TABLE artifacts RENAME COLUMN "createdAt" TO created_at;
ALTER TABLE artifacts RENAME COLUMN "updatedAt" TO updated_at;
ALTER TABLE artifacts
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC',
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at TYPE timestamptz USING updated_at AT TIME ZONE 'UTC',
    ALTER COLUMN updated_at SET DEFAULT now();

-- Documents --------------------------------------------------------------------------------------------------------------
ALTER TABLE "Document" RENAME TO documents;
ALTER TABLE documents RENAME CONSTRAINT "Document_pkey" TO documents_pkey;
DROP INDEX "Document_userId_idx";
DROP INDEX "Document_indexed_idx";
DROP INDEX "Document_createdAt_idx";
ALTER TABLE documents RENAME COLUMN "userId" TO user_id;
ALTER TABLE documents RENAME COLUMN "sourceUrl" TO source_url;
ALTER TABLE documents RENAME COLUMN "mimeType" TO mime_type;
ALTER TABLE documents RENAME COLUMN "vectorIds" TO adopted_vector_ids;
ALTER TABLE documents RENAME COLUMN "chunkCount" TO chunk_count;
ALTER TABLE documents RENAME COLUMN "createdAt" TO created_at;
ALTER TABLE documents RENAME COLUMN "updatedAt" TO updated_at;
UPDATE documents SET tags = '{}' WHERE tags IS NULL;
ALTER TABLE documents
    ALTER COLUMN tags SET DEFAULT '{}',
    ALTER COLUMN tags SET NOT NULL,
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC',
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at TYPE timestamptz USING updated_at AT TIME ZONE 'UTC',
    ALTER COLUMN updated_at SET DEFAULT now(),
    ADD COLUMN uploaded_by text REFERENCES users ON DELETE SET NULL,
    ADD COLUMN status text NOT NULL DEFAULT 'queued' CONSTRAINT documents_status_check
        CHECK (status IN ('queued', 'processing', 'indexed', 'failed')),
    ADD COLUMN stage text CONSTRAINT documents_stage_check CHECK (stage IN ('extracting', 'embedding', 'indexing')),
    ADD COLUMN progress real NOT NULL DEFAULT 0,
    ADD COLUMN error jsonb, -- domain::document::DocumentError
    ADD COLUMN language text,
    ADD COLUMN version integer NOT NULL DEFAULT 0,      -- the version that answers; 0: none is complete yet
    ADD COLUMN embedding_model text,                    -- whose embeddings that version has
    ADD COLUMN adopted boolean NOT NULL DEFAULT false,  -- from the ADR's application, without text here yet
    ADD COLUMN deleted_at timestamptz;                  -- tombstone: gone from every answer at commit
-- Whatever its vectors were, its text is not here: nothing of it can be found until it is uploaded again, and it says so.
UPDATE documents SET adopted = true, status = 'failed', error = '{"code": "documents:adopted", "detail": null}';
ALTER TABLE documents DROP COLUMN indexed; -- status says it
-- The ADR's "Document" had no foreign key: rows may name users that are gone. Those stay, unreachable, for an admin.
CREATE INDEX documents_user_id_created_at_idx ON documents (user_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX documents_tags_idx ON documents USING gin (tags);

-- A chat shows titles and passages of what it cites, so whatever changes them changes the chat: caches that compare
-- revisions then never show a passage that was deleted, replaced or un-shared, whoever did it and however.
CREATE FUNCTION touch_citing_chats() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    -- Locked in the order of their ids, so that two documents changed at once do not wait for each other in a ring.
    WITH citing AS MATERIALIZED (
        SELECT id FROM chats WHERE id IN (
            SELECT messages.chat_id FROM citations JOIN messages ON messages.id = citations.message_id
            WHERE citations.document_id = OLD.id)
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE chats SET revision = revision + 1 FROM citing WHERE chats.id = citing.id;
    RETURN NULL;
END $$;
CREATE TRIGGER documents_touch_citing_chats
    AFTER UPDATE OF deleted_at, user_id, version, title ON documents
    FOR EACH ROW
    WHEN ((OLD.deleted_at, OLD.user_id, OLD.version, OLD.title)
        IS DISTINCT FROM (NEW.deleted_at, NEW.user_id, NEW.version, NEW.title))
    EXECUTE FUNCTION touch_citing_chats();
CREATE TRIGGER documents_touch_citing_chats_at_the_end
    AFTER DELETE ON documents
    FOR EACH ROW EXECUTE FUNCTION touch_citing_chats();

CREATE TABLE document_versions (
    document_id text NOT NULL REFERENCES documents ON DELETE CASCADE,
    version integer NOT NULL,
    blob_key text NOT NULL,    -- SHA-256 of the file, hexadecimal
    file_name text,
    size_bytes bigint NOT NULL,
    mime_type text NOT NULL,
    text text,                 -- what was read from the file; offsets of chunks count its characters
    page_starts integer[],     -- where each page begins in text, the first page first; null: it has no pages
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_id, version)
);
CREATE INDEX document_versions_blob_key_idx ON document_versions (blob_key);

-- Accents must not decide whether something is found; ñ is a letter of its own. Needs no extension. The capitals are
-- listed because lower() leaves them as they are in a database whose LC_CTYPE is C.
CREATE FUNCTION fold_accents(input text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN translate(lower(input),
        'áàâäãåéèêëíìîïóòôöõúùûüýÿçÁÀÂÄÃÅÉÈÊËÍÌÎÏÓÒÔÖÕÚÙÛÜÝŸÇÑ',
        'aaaaaaeeeeiiiiooooouuuuyycaaaaaaeeeeiiiiooooouuuuyycñ');

-- To order by, with COLLATE "C", the same in every database: ñ has its place between n and o.
CREATE FUNCTION sort_key(input text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN replace(fold_accents(input), 'ñ', 'n~');

CREATE TABLE chunks (
    id text PRIMARY KEY,
    -- Key in the embedded index, and the order in which it replays what it missed.
    ordinal bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT chunks_ordinal_key UNIQUE,
    document_id text NOT NULL REFERENCES documents ON DELETE CASCADE,
    version integer NOT NULL,
    seq integer NOT NULL,
    text text NOT NULL,
    start_offset integer NOT NULL,
    end_offset integer NOT NULL,
    page integer,
    language text,
    hash bytea NOT NULL,      -- SHA-256 of the text: unchanged chunks keep their embedding
    embedding bytea,          -- IEEE half precision, little endian, unit length; null until computed
    embedding_model text,
    indexed_at timestamptz,   -- when the vector index acknowledged it
    search tsvector NOT NULL GENERATED ALWAYS AS (
        to_tsvector('spanish', fold_accents(text)) || to_tsvector('english', fold_accents(text))
    ) STORED,
    CONSTRAINT chunks_document_id_version_seq_key UNIQUE (document_id, version, seq)
);
-- A short list of pending entries: every search reads it through, and 4 MB of it would be milliseconds.
CREATE INDEX chunks_search_idx ON chunks USING gin (search) WITH (gin_pending_list_limit = 256);
-- The share of the most common stems decides what a search looks for first: 3,000 of them.
ALTER TABLE chunks ALTER COLUMN search SET STATISTICS 300;
CREATE INDEX chunks_pending_idx ON chunks (ordinal) WHERE indexed_at IS NULL;
CREATE INDEX chunks_hash_idx ON chunks (hash); -- to find an embedding that is already paid for

-- Jobs: what is still to be done, committed with the change that asks for it (outbox). At most one row per thing worked
-- on, so whatever concerns one document is done one after the other, and a deletion waits for the indexing it cancels.
CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL CONSTRAINT jobs_key_key UNIQUE,  -- what it works on: a document's id
    kind text NOT NULL CONSTRAINT jobs_kind_check CHECK (kind IN ('index_document', 'delete_document', 'housekeeping')),
    revision integer NOT NULL DEFAULT 0,    -- grows when it is asked for again, so that a run does not finish what it has not seen
    run_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,    -- runs begun, also those whose process died
    claim text,                             -- who runs it; every write of a run names it
    lease_until timestamptz,                -- past this moment without a heartbeat, the run is dead
    error jsonb,                            -- why the last run failed: domain::document::DocumentError
    dead_at timestamptz,                    -- given up; the next start of a server revives it
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT jobs_claim_check CHECK ((claim IS NULL) = (lease_until IS NULL))
);
CREATE INDEX jobs_run_at_idx ON jobs (run_at, id) WHERE dead_at IS NULL;

-- Tells every replica which document's vectors to fetch or to drop.
CREATE FUNCTION notify_documents_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('documents_changed', NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER documents_changed AFTER UPDATE OF version, embedding_model, deleted_at, user_id ON documents FOR EACH ROW
    WHEN ((OLD.version, OLD.embedding_model, OLD.deleted_at, OLD.user_id)
        IS DISTINCT FROM (NEW.version, NEW.embedding_model, NEW.deleted_at, NEW.user_id))
    EXECUTE FUNCTION notify_documents_changed();
