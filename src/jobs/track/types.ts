/** How jobs of one type are tracked. */
export interface TypePolicy {
  readonly track: "full" | "off";
  readonly whenStoreIsDown: "run" | "wait";
}

/** The type of a job, with what its definition says about tracking. */
export interface TypeTracking {
  readonly type: string;
  readonly track?: TypePolicy["track"] | undefined;
  readonly whenStoreIsDown?: TypePolicy["whenStoreIsDown"] | undefined;
}

/** How the types of a worker are tracked: as their definitions say, and else as `createJobs` says. */
export class TypePolicies {
  readonly #default: TypePolicy;
  readonly #byType = new Map<string, TypePolicy>();

  constructor(track: TypePolicy["track"], whenStoreIsDown: TypePolicy["whenStoreIsDown"]) {
    this.#default = { track, whenStoreIsDown };
  }

  add(job: string | TypeTracking): void {
    if (typeof job === "string") return;
    const { track = this.#default.track, whenStoreIsDown = this.#default.whenStoreIsDown } = job;
    this.#byType.set(job.type, { track, whenStoreIsDown });
  }

  of(type: string): TypePolicy {
    return this.#byType.get(type) ?? this.#default;
  }

  /** Whether jobs of a type wait for a store that is down. */
  waits(type: string): boolean {
    const { track, whenStoreIsDown } = this.of(type);
    return track === "full" && whenStoreIsDown === "wait";
  }
}

/** The words of `qp_job`, by which a sender says how one message is tracked: `full`, `wait`. */
export function hasFlag(flags: string | undefined, flag: "full" | "wait"): boolean {
  return flags !== undefined && flags.split(" ").includes(flag);
}
