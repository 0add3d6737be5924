"""The sandbox beside a local AWS that nobody here wrote: what is done to both ends alike."""
