-- What is chosen for one chat; null: as in its person's settings.
ALTER TABLE chats
    ADD COLUMN model text,                          -- provider:name
    ADD COLUMN temperature double precision,
    ADD COLUMN max_tokens integer,
    ADD COLUMN rag_enabled boolean,
    ADD COLUMN document_ids text[] NOT NULL DEFAULT '{}'; -- its questions search these alone; beside those of its folder's labels
