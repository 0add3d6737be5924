"""The smallest handler that there can be, on the standard library: no signature, no retry, no wait."""

import http.client
import json
import os
from urllib.parse import urlsplit


def handler(event: dict, _: object) -> None:
    robomaker = http.client.HTTPConnection(urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc)
    robomaker.request("POST", "/cancelWorldExportJob", json.dumps({"job": event["PhysicalResourceId"]}))
    robomaker.getresponse().read()
    copied = ("PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId")
    url = urlsplit(event["ResponseURL"])
    bucket = http.client.HTTPSConnection(url.netloc)
    bucket.request("PUT", f"{url.path}?{url.query}", json.dumps({"Status": "SUCCESS", **{k: event[k] for k in copied}}))
    bucket.getresponse().read()
