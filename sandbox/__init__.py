"""A local AWS on loopback: CloudFormation, Lambda, a RoboMaker endpoint and the services of StopOnDelete.

`README.md` lists what it assumes about AWS, with the source of each claim.
"""

from pathlib import Path

# Everything that is installed or read lies in the project's own folder.
PROJECT = Path(__file__).parent.parent

# The account that moto's server plays, and where.
ACCOUNT = "123456789012"
REGION = "us-west-2"
