"""`inv report`: what is known of a project and its database, as one page that loads nothing."""
