-- Seed the basic categories.
--
-- A new installation can sort its transactions at once. A category that is already there is kept as it is.
-- depends: financial.20250616113000.create_categories

INSERT INTO financial.categories (slug, name, kind)
VALUES
    ('income', 'Income', 'income'),
    ('expenses', 'Expenses', 'expense'),
    ('transfers', 'Transfers', 'transfer')
ON CONFLICT (slug) DO NOTHING;

INSERT INTO financial.categories (parent_id, slug, name, kind)
SELECT parent.id, child.slug, child.name, parent.kind
FROM (
    VALUES
        ('income', 'sales', 'Sales'),
        ('income', 'interest', 'Interest and dividends'),
        ('expenses', 'salaries', 'Salaries'),
        ('expenses', 'rent', 'Rent'),
        ('expenses', 'software', 'Software and services'),
        ('expenses', 'bank-fees', 'Bank fees'),
        ('expenses', 'taxes', 'Taxes')
) AS child (parent_slug, slug, name)
JOIN financial.categories AS parent ON parent.slug = child.parent_slug
ON CONFLICT (slug) DO NOTHING;
