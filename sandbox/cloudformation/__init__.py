"""CloudFormation as moto has it, with the life of a stack that moto lacks."""
