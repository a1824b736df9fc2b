import { testCrashes } from "./support.ts";

testCrashes("delay-store", { kills: 25, jobs: 400 });
