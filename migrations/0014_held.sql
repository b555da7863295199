-- After an answer that failed, the questions behind it wait until somebody says that they are to be asked: also when the
-- failed answer is deleted meanwhile.
ALTER TABLE queued_messages ADD COLUMN held boolean NOT NULL DEFAULT false;

-- Until now it was told from the chat's last answer.
UPDATE queued_messages q SET held = true
FROM chats c
CROSS JOIN LATERAL (
    SELECT status FROM generations WHERE chat_id = c.id ORDER BY started_at DESC, id DESC LIMIT 1
) last
WHERE c.id = q.chat_id AND last.status IN ('failed', 'interrupted');
