// Runs a handler as Lambda's Node runtime does: asks the Runtime API for each invocation and gives back its result.
const https = require("node:https");
const path = require("node:path");

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
const [file, name] = process.argv[2].split(".");
const handler = require(path.resolve(file))[name];

// The handler knows only port 443, where the bench can't listen.
let port;
const request = https.request;
https.request = (options, ...rest) => request({ ...options, port }, ...rest);

(async () => {
  for (;;) {
    const next = await fetch(`${api}/invocation/next`);
    const id = next.headers.get("lambda-runtime-aws-request-id");
    const context = { awsRequestId: id, logStreamName: "bench", getRemainingTimeInMillis: () => 60000 };
    const event = await next.json();
    port = new URL(event.ResponseURL).port;
    const [outcome, body] = await handler(event, context).then(
      (result) => ["response", JSON.stringify(result ?? null)],
      (error) => ["error", JSON.stringify({ errorMessage: String(error) })],
    );
    await fetch(`${api}/invocation/${id}/${outcome}`, { method: "POST", body });
  }
})();
