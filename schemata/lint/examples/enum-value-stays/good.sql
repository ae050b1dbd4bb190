CREATE TYPE app.size AS ENUM ('small');
ALTER TYPE app.size ADD VALUE 'large' AFTER 'small';
