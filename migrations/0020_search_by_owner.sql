-- Whose a message is, among the words it is found by: a search reads the messages of whoever asks, however many others
-- have the word. No word of a text has a colon in it.
DROP INDEX messages_search_idx;
ALTER TABLE messages DROP COLUMN search;
ALTER TABLE messages ADD COLUMN user_id text;
UPDATE messages m SET user_id = c.user_id FROM chats c WHERE c.id = m.chat_id;
ALTER TABLE messages ALTER COLUMN user_id SET NOT NULL;

CREATE FUNCTION message_is_its_chats_owners() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT user_id INTO NEW.user_id FROM chats WHERE id = NEW.chat_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER messages_owner BEFORE INSERT OR UPDATE OF chat_id, user_id ON messages
    FOR EACH ROW EXECUTE FUNCTION message_is_its_chats_owners();

ALTER TABLE messages ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    to_tsvector('spanish', fold_accents(left(content, 200000))) || to_tsvector('english', fold_accents(left(content, 200000)))
        || array_to_tsvector(ARRAY['user:' || user_id])
) STORED;
CREATE INDEX messages_search_idx ON messages USING gin (search) WITH (gin_pending_list_limit = 256);
