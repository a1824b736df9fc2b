import type { Benchmark } from "../run/benchmark.ts";

/** The time and memory that an import takes. The built package is measured. */
export function importing(quick: boolean): readonly Benchmark[] {
  const file = "import/start.mjs";
  return [
    {
      name: "Import of the root and the memory adapter",
      shown: "medianMs",
      rounds: quick ? 5 : 31,
      built: true,
      contenders: [
        { name: "queueport", file, settings: [{ modules: ["src/index.js", "adapters/memory/index.js"] }] },
        { name: "an empty process", file, settings: [{ modules: [] }] },
      ],
      thresholds: [
        {
          name: "import, ms above an empty process",
          figure: "medianMs",
          above: "an empty process",
          atMost: 15,
        },
        { name: "import, MiB above an empty process", figure: "mib", above: "an empty process", atMost: 5 },
      ],
    },
  ];
}
