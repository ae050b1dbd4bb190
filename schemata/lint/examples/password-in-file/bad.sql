CREATE ROLE reporting LOGIN PASSWORD 'secret';
