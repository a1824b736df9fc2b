import { testCrashes } from "./support.ts";

testCrashes("service-bus", { kills: 8, jobs: 200, restarts: 2 });
