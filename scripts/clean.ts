import { rmSync } from "node:fs";

// A file that is no longer built would still be published.
rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
