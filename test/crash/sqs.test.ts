import { testCrashes } from "./support.ts";

testCrashes("sqs", { on: "SQS", kills: 12, jobs: 300 });
