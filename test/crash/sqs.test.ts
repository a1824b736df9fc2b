import { testCrashes } from "./support.ts";

testCrashes("sqs", { kills: 12, jobs: 300 });
