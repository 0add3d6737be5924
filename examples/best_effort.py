"""How do I delete the stack even if RoboMaker fails? With best effort. `alarm.py` reports the jobs left running."""

from aws_cdk import App, Stack

from cdk_world_export_job import ManagedWorldExportJob

app = App()
ManagedWorldExportJob(
    Stack(app, "BestEffort"),
    "Job",
    job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1",
    best_effort=True,
)
app.synth()
