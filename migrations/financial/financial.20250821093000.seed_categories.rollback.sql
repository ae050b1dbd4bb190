-- Delete the seeded categories; refused by the foreign keys while one is in use.

DELETE FROM financial.categories
WHERE slug IN ('sales', 'interest', 'salaries', 'rent', 'software', 'bank-fees', 'taxes');

DELETE FROM financial.categories
WHERE slug IN ('income', 'expenses', 'transfers');
