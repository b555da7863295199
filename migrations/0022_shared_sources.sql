-- A shared chat keeps where its sources are, and no longer what they said: a deleted document is gone from links too. What was
-- shared before gets the places that the chat itself has; a source whose place is not known any more is left out.
UPDATE shares s
SET snapshot = jsonb_set(s.snapshot, '{messages}', (
    SELECT jsonb_agg(
        jsonb_set(said.message, '{sources}', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'n', c.n, 'document_id', c.document_id, 'version', c.version, 'seq', c.seq, 'start', c.start_offset,
                'end', c.end_offset, 'page', c.page, 'score', c.score, 'verdict', c.verdict, 'uses', c.uses, 'source', NULL,
                'quote', CASE WHEN c.quote_start IS NOT NULL
                    THEN jsonb_build_object('start', c.quote_start, 'end', c.quote_end) END
            ) ORDER BY c.n), '[]')
            FROM citations c
            WHERE c.message_id = (
                SELECT m.id FROM messages m
                WHERE m.chat_id = s.chat_id AND m.role = 'assistant' AND m.content = said.message ->> 'content'
                ORDER BY m.created_at DESC, m.id DESC
                LIMIT 1
            ) AND EXISTS (
                SELECT FROM jsonb_array_elements(said.message -> 'sources') AS frozen
                WHERE (frozen ->> 'n')::int = c.n
            )
        ))
        ORDER BY said.place
    )
    FROM jsonb_array_elements(s.snapshot -> 'messages') WITH ORDINALITY AS said (message, place)
))
WHERE jsonb_path_exists(s.snapshot, '$.messages[*].sources[*].passage');
