COPY app.customers TO STDOUT;
