/**
 * Settings of the planner for the functions that are called all the time. A cached plan from a time when the table was
 * empty would read the whole of it later, and such a plan costs enough for the planner to compile it.
 */
export const PLANNER = "SET enable_seqscan = off SET jit = off";
