import { testJobCrashes } from "./support.ts";

testJobCrashes("sqs", { on: "SQS", kills: 24, jobs: 500 });
