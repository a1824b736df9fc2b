import { options, tell } from "../side.ts";

/** From the start of the process until this module is ready, with the packages that it was told to import. */
const { modules } = options() as { readonly modules: readonly string[] };
for (const path of modules) await import(new URL(`../../../dist/${path}`, import.meta.url).href);
tell({ medianMs: performance.now(), mib: process.memoryUsage().rss / 1_048_576, messages: 0 });
