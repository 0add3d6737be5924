"""The living services of the local AWS: moto's, with what they lack of jobs that take time to stop."""
