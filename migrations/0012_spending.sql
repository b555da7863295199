-- What an answer thought and cost, and what a model remembers of a long chat.

ALTER TABLE messages
    ADD COLUMN prompt_tokens integer,            -- of everything the model was told
    ADD COLUMN completion_tokens integer,        -- of the answer, thinking included
    ADD COLUMN cost double precision,            -- US dollars, at the price of that day; unknown without one
    ADD COLUMN reasoning text,                   -- what the model thought aloud
    ADD COLUMN left_out integer NOT NULL DEFAULT 0,  -- older messages that the model was not told
    ADD COLUMN memory_used smallint;             -- the conversation up to here, in percent of what the model is told at most

-- What a model is told instead of everything up to this message.
CREATE TABLE chat_summaries (
    message_id text PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
    content text NOT NULL,
    model text NOT NULL,
    created_at timestamptz NOT NULL
);

-- US dollars for a million tokens, as an administrator entered them.
CREATE TABLE model_prices (
    model text PRIMARY KEY,                      -- provider:name
    input double precision NOT NULL CONSTRAINT model_prices_input_check CHECK (input >= 0 AND input < 'Infinity'),
    output double precision NOT NULL CONSTRAINT model_prices_output_check CHECK (output >= 0 AND output < 'Infinity'),
    updated_at timestamptz NOT NULL
);

-- What was spent, also on answers that are deleted by now.
CREATE TABLE usage_months (
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    month date NOT NULL,                         -- its first day, UTC
    model text NOT NULL,
    answers bigint NOT NULL,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    cost double precision NOT NULL,
    unpriced bigint NOT NULL,                    -- answers without a price
    PRIMARY KEY (user_id, month, model)
);
CREATE INDEX usage_months_month_idx ON usage_months (month);
