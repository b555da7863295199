-- A document that was taken over from the index of the ADR's application has a text and no file it was read from.
ALTER TABLE document_versions
    ALTER COLUMN blob_key DROP NOT NULL,
    ALTER COLUMN size_bytes DROP NOT NULL,
    ADD CONSTRAINT document_versions_file_check CHECK ((blob_key IS NULL) = (size_bytes IS NULL)
        AND (blob_key IS NOT NULL OR text IS NOT NULL));
