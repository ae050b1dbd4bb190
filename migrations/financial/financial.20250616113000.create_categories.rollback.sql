-- Drop financial.categories and every row in it.

DROP TABLE financial.categories;
