-- Keys that a person chose: of the search, a new chat, the list of keys, in this order; none where they are the usual ones.
ALTER TABLE user_settings ADD COLUMN shortcuts text[] NOT NULL DEFAULT '{}';
