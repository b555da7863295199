-- Questions that were sent while an answer was being written: asked in their order, one after the other.

CREATE TABLE queued_messages (
    id text PRIMARY KEY,                          -- the question's, once it is asked
    chat_id text NOT NULL REFERENCES chats ON DELETE CASCADE,
    content text NOT NULL,
    place bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL
);
CREATE INDEX queued_messages_chat_id_place_idx ON queued_messages (chat_id, place);

ALTER TABLE chats ADD COLUMN queue_changes integer NOT NULL DEFAULT 0; -- grows with every change of its queue

-- Whoever has the chat open hears of its queue too.
CREATE OR REPLACE FUNCTION notify_chats_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    chat chats := COALESCE(NEW, OLD);
BEGIN
    PERFORM pg_notify('chats_changed', concat_ws(' ', chat.user_id, chat.id, chat.queue_changes, chat.leaf_id));
    RETURN NULL;
END $$;
DROP TRIGGER chats_changed ON chats;
CREATE TRIGGER chats_changed
    -- Not of `revision` alone: a document that a thousand chats cite raises that of them all.
    AFTER INSERT OR DELETE
        OR UPDATE OF title, leaf_id, updated_at, archived, pinned_at, folder_id, tags, queue_changes ON chats
    FOR EACH ROW EXECUTE FUNCTION notify_chats_changed();
