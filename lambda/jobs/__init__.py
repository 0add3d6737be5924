"""One module for each kind of job, and the code that they share."""
