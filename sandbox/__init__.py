"""A local AWS that runs a stack's whole life: CloudFormation, Lambda and a RoboMaker endpoint, on loopback.

`README.md` has what it claims of AWS, and by which source.
"""

from pathlib import Path

# Everything that is installed or read lies in the project's own folder.
PROJECT = Path(__file__).parent.parent

# The account that moto's server plays, and where.
ACCOUNT = "123456789012"
REGION = "us-west-2"
