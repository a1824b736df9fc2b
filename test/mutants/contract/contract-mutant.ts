import type { FileChange } from "../mutant-runner.ts";

/** A deliberate fault of an adapter, and the requirement of the group `contract` whose cases alone have to notice it. */
export interface ContractMutant extends FileChange {
  readonly adapter: string;
  readonly requirement: `contract.${string}`;
}
