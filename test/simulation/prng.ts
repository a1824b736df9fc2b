/** Pseudo-random numbers. The same seed gives the same numbers on every machine (mulberry32). */
export class Prng {
  #state: number;

  constructor(seed: number) {
    // Mixes the seed, because neighbouring seeds are usual and would otherwise begin with similar numbers.
    this.#state = Math.imul((seed ^ 0x9e3779b9) >>> 0, 0x85ebca6b) ^ (seed >>> 13);
  }

  /** Evenly distributed in [0, 1). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };

  /** A whole number from `least` to `most`, both included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)] as T;
  }

  /** A second generator. Its use does not change the later numbers of this one. */
  fork(): Prng {
    return new Prng(this.int(0, 0x7fffffff));
  }
}
