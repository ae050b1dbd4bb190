ALTER ROLE app SET work_mem = '1GB';
