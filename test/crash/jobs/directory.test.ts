import { testJobCrashes } from "./support.ts";

testJobCrashes("directory", { on: "the directory adapter", kills: 24, jobs: 500 });
