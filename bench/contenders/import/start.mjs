/**
 * Measures the time from the start of the process until the given modules are loaded. The file is JavaScript and imports
 * nothing else, because loading Node's TypeScript compiler takes four times as long as the import that is measured.
 */
const { modules } = JSON.parse(process.argv[2] ?? '{"modules":[]}');
for (const path of modules) await import(new URL(`../../../dist/${path}`, import.meta.url).href);
const medianMs = performance.now();
const rssMiB = process.memoryUsage().rss / 1_048_576;
process.send?.({ medianMs, mib: rssMiB, rssMiB, messages: 0 }, () => process.exit());
