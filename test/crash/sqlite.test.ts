import { testCrashes } from "./support.ts";

testCrashes("sqlite", { on: "an SQLite file", kills: 24, jobs: 600 });
