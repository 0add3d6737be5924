"""The services whose jobs a StopOnDelete stops: those of moto, extended with jobs that take time to stop."""
