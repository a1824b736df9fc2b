/**
 * Queues in this process: for tests, demonstrations and services of one process.
 * @module
 */
export { memory, type MemoryOptions } from "./driver.ts";
export type { EmulatedProvider } from "./emulated-providers.ts";
export type { Fault, FaultPoint, Faults } from "./faults.ts";
