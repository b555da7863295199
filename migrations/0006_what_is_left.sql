-- What stays to be removed, or to be done, when something ends in the middle.

-- Documents that came from the ADR's application and were deleted here. Its index still holds their texts; only a command
-- that is told the old namespace removes them there, and by then nothing else names the document. Its row goes with its
-- old vectors.
CREATE TABLE deleted_adopted_documents (
    document_id text PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);
INSERT INTO deleted_adopted_documents (document_id, deleted_at)
    SELECT d.id, d.deleted_at FROM documents d
    WHERE d.deleted_at IS NOT NULL
      AND (d.adopted OR cardinality(d.adopted_vector_ids) > 0
        OR EXISTS (SELECT FROM document_events e WHERE e.document_id = d.id AND e.event = 'adopted'));

-- An index that is being forgotten is emptied first, and until then at the latest.
ALTER TABLE vector_indexes ADD COLUMN clearing_until timestamptz;

-- Chunks of the phase that were done before its present run began: what a rate leaves out.
ALTER TABLE vector_indexes ADD COLUMN begun_with bigint NOT NULL DEFAULT 0;
