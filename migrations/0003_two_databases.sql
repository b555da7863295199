-- Two databases, one truth: embeddings of more than one model at a time, which vector index answers, what happened to each
-- document, and what comparing the two databases found.

-- Embeddings ------------------------------------------------------------------------------------------------------------
-- Beside the chunk, one per model: another model's are made while the first answers, and kept to go back to.
CREATE TABLE embeddings (
    ordinal bigint NOT NULL REFERENCES chunks (ordinal) ON DELETE CASCADE,
    model text NOT NULL,      -- provider:model@dimension
    embedding bytea NOT NULL, -- IEEE half precision, little endian, unit length
    PRIMARY KEY (ordinal, model)
);
-- Compressing half precision numbers costs time and saves nothing.
ALTER TABLE embeddings ALTER COLUMN embedding SET STORAGE EXTERNAL;
INSERT INTO embeddings (ordinal, model, embedding)
    SELECT ordinal, embedding_model, embedding FROM chunks WHERE embedding IS NOT NULL AND embedding_model IS NOT NULL;
ALTER TABLE chunks DROP COLUMN embedding, DROP COLUMN embedding_model;

-- What an index with delayed writes may not show yet: a query that has seen less than this position of its log.
ALTER TABLE documents
    ADD COLUMN acknowledged_at timestamptz,
    ADD COLUMN acknowledged_position bigint;
CREATE INDEX documents_acknowledged_at_idx ON documents (acknowledged_at) WHERE acknowledged_at IS NOT NULL;
CREATE INDEX documents_acknowledged_position_idx ON documents (acknowledged_position) WHERE acknowledged_position IS NOT NULL;
-- Which model's embeddings answer is the active index's affair now.
DROP TRIGGER documents_changed ON documents;
ALTER TABLE documents DROP COLUMN embedding_model;
CREATE TRIGGER documents_changed AFTER UPDATE OF version, deleted_at, user_id ON documents FOR EACH ROW
    WHEN ((OLD.version, OLD.deleted_at, OLD.user_id) IS DISTINCT FROM (NEW.version, NEW.deleted_at, NEW.user_id))
    EXECUTE FUNCTION notify_documents_changed();

-- Indexes ---------------------------------------------------------------------------------------------------------------
-- A kind of index with the vectors of one model. One of them answers; another may be built beside it; the one before is
-- kept until it is removed.
CREATE TABLE vector_indexes (
    kind text NOT NULL CONSTRAINT vector_indexes_kind_check CHECK (kind IN ('embedded', 'pinecone', 'qdrant', 'pgvector')),
    model text NOT NULL,
    state text NOT NULL CONSTRAINT vector_indexes_state_check CHECK (state IN ('active', 'building', 'previous')),
    phase text NOT NULL DEFAULT 'embedding' CONSTRAINT vector_indexes_phase_check
        CHECK (phase IN ('embedding', 'copying', 'comparing')), -- of the building
    -- How far building is: chunks up to this ordinal were copied.
    copied_to bigint NOT NULL DEFAULT 0,
    copied bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    PRIMARY KEY (kind, model)
);
CREATE UNIQUE INDEX vector_indexes_one_active ON vector_indexes (state) WHERE state = 'active';
CREATE UNIQUE INDEX vector_indexes_one_building ON vector_indexes (state) WHERE state = 'building';

CREATE FUNCTION notify_vector_indexes_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('vector_indexes_changed', '');
    RETURN NULL;
END $$;
CREATE TRIGGER vector_indexes_changed AFTER INSERT OR DELETE OR UPDATE OF state ON vector_indexes
    FOR EACH STATEMENT EXECUTE FUNCTION notify_vector_indexes_changed();

-- What happened ---------------------------------------------------------------------------------------------------------
CREATE TABLE document_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id text NOT NULL REFERENCES documents ON DELETE CASCADE,
    version integer NOT NULL,
    event text NOT NULL,     -- domain::document::DocumentEventKind
    attempt integer NOT NULL DEFAULT 0,
    error jsonb,             -- domain::document::DocumentError
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX document_events_document_id_idx ON document_events (document_id, id DESC);

-- What comparing PostgreSQL and the index found, and what was done about it.
CREATE TABLE reconciliations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    model text NOT NULL,
    dry_run boolean NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    report jsonb             -- domain::sync::ReconciliationReport
);
CREATE INDEX reconciliations_started_at_idx ON reconciliations (started_at DESC);

ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check, ADD CONSTRAINT jobs_kind_check CHECK (kind IN (
    'index_document', 'delete_document', 'update_metadata', 'repair_document', 'reconcile', 'reindex', 'export_vectors',
    'housekeeping'));
