-- Drop tagging.taggings: no row carries a tag any more.

DROP TABLE tagging.taggings;
