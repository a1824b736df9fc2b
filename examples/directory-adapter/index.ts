/**
 * A directory on disk as a queue: the example of `docs/writing-an-adapter.md`. Any number of processes may share it.
 * @module
 */
export { directory, type DirectoryOptions } from "./driver.ts";
