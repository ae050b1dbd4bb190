"""Taking over a database that something else made: what the migrations say of it is proved before it is recorded."""
