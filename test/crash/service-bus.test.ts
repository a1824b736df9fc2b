import { testCrashes } from "./support.ts";

testCrashes("service-bus", { on: "Service Bus", kills: 8, jobs: 200, restarts: 2 });
