-- An answer may name a source more than once, and each mark stands on words of its own: two quotations of one passage lead
-- to two places. What was stored before has none; there the place of the citation holds for each mark.
ALTER TABLE citations ADD COLUMN uses jsonb NOT NULL DEFAULT '[]' -- domain::chat::CitationUse, in the order of the marks
    CONSTRAINT citations_uses_check CHECK (jsonb_typeof(uses) = 'array');
