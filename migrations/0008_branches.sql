-- Conversations that can be shaped.

-- A chat is a tree: an edited question, and an answer that was asked for again, stand beside the one that was there. Before,
-- every message followed the one before it.
UPDATE messages SET parent_id = ordered.before
FROM (SELECT id, lag(id) OVER (PARTITION BY chat_id ORDER BY created_at, id) AS before FROM messages) ordered
WHERE ordered.id = messages.id AND messages.parent_id IS NULL AND ordered.before IS NOT NULL;

ALTER TABLE chats
    ADD COLUMN leaf_id text REFERENCES messages ON DELETE SET NULL; -- where the branch ends that is shown; null: at the newest
CREATE INDEX chats_leaf_id_idx ON chats (leaf_id) WHERE leaf_id IS NOT NULL; -- a message is deleted

ALTER TABLE messages
    ADD COLUMN rating smallint CONSTRAINT messages_rating_check CHECK (rating IN (-1, 1)),
    ADD COLUMN rating_reason text;

-- Whoever has a chat open, or the list of them, hears of every change.
CREATE FUNCTION notify_chats_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    chat chats := COALESCE(NEW, OLD);
BEGIN
    PERFORM pg_notify('chats_changed', concat_ws(' ', chat.user_id, chat.id, chat.leaf_id));
    RETURN NULL;
END $$;
CREATE TRIGGER chats_changed AFTER INSERT OR DELETE OR UPDATE OF title, leaf_id, updated_at, revision, archived ON chats
    FOR EACH ROW EXECUTE FUNCTION notify_chats_changed();
