import type { Contest } from "../run/contest.ts";

/** The contests of one suite; `quick` is the short form, for a look in between. */
export type Suite = (quick: boolean) => readonly Contest[];
