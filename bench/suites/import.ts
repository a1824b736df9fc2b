import type { Contest } from "../run/contest.ts";

/** What an import costs a process; the built package is measured. */
export function importing(quick: boolean): readonly Contest[] {
  const file = "import/start.mjs";
  return [
    {
      name: "Import of the root and the memory adapter",
      shown: "medianMs",
      rounds: quick ? 5 : 31,
      built: true,
      sides: [
        { name: "queueport", file, settings: [{ modules: ["src/index.js", "adapters/memory/index.js"] }] },
        { name: "an empty process", file, settings: [{ modules: [] }] },
      ],
      bars: [
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
