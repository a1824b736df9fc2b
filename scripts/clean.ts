import { rmSync } from "node:fs";

// A file that is no longer built would still be published.
for (const built of ["dist", "THIRD-PARTY.md"])
  rmSync(new URL(`../${built}`, import.meta.url), { recursive: true, force: true });
