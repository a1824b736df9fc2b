import { testCrashes } from "./support.ts";

testCrashes("directory", { on: "the directory adapter", kills: 24, jobs: 600 });
