"""A local AWS that runs a stack's whole life: CloudFormation, Lambda and a RoboMaker endpoint, on loopback."""
