import { testCrashes } from "./support.ts";

testCrashes("delay-store", { on: "a delay store", kills: 25, jobs: 400 });
