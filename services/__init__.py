"""The platform's services: two that answer HTTP, two that work through the job queue."""
