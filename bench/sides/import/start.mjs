/**
 * From the start of the process until this module is ready, with the packages that it was told to import. In JavaScript,
 * and by itself: the compiler that Node loads for TypeScript takes four times as long as what is measured.
 */
const { modules } = JSON.parse(process.argv[2] ?? '{"modules":[]}');
for (const path of modules) await import(new URL(`../../../dist/${path}`, import.meta.url).href);
const medianMs = performance.now();
const rssMiB = process.memoryUsage().rss / 1_048_576;
process.send?.({ medianMs, mib: rssMiB, rssMiB, messages: 0 }, () => process.exit());
