-- When an index was last asked to be built. `started_at` is the phase's: what changed in an earlier phase would be missed.
ALTER TABLE vector_indexes ADD COLUMN asked_at timestamptz NOT NULL DEFAULT now();
UPDATE vector_indexes SET asked_at = started_at;
