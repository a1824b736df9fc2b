import { testCrashes } from "./support.ts";

testCrashes("directory", { kills: 24, jobs: 600 });
