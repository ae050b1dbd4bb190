-- Drop tagging.tags and every row in it.

DROP TABLE tagging.tags;
