import { testJobCrashes } from "./support.ts";

testJobCrashes("service-bus", { on: "Service Bus", kills: 24, jobs: 500 });
