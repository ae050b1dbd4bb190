CREATE TABLE app.a (note text);
