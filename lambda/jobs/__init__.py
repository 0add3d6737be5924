"""All that is known of each service whose jobs are ended: a module a kind of job."""
