import { builtinModules } from "node:module";
import type { Plugin } from "rolldown";

/** Files of built-in packages, most of which never run in queueport, and what replaces each. */
const REPLACEMENTS: Readonly<Record<string, string>> = {
  // The SQS adapter uses the connection pool alone, not `fetch`, caches, mocks or WebSockets.
  "undici/index.js": `exports.Pool = require("./lib/dispatcher/pool.js");`,
  // HTTP/2 is off by default, and would load `node:http2`.
  "undici/lib/dispatcher/client-h2.js": `module.exports = () => { throw new TypeError("HTTP/2 is not built in."); };`,
  // Reads bodies of type FormData. The bodies of SQS requests are text or bytes.
  "undici/lib/web/fetch/body.js": `exports.extractBody = () => { throw new TypeError("FormData is not built in."); };`,
  // Logs in a worker thread, which runs a file of its own. The command line logs in its own thread.
  "pino/lib/transport.js": `module.exports = () => { throw new Error("pino's transports are not built in."); };`,
  // Counts CPU time as all other metrics, without OpenTelemetry's API, which its exemplars need.
  "@opentelemetry/api/build/esm/index.js": "export {};",
};

/** The path of a file below `node_modules`, with slashes. */
function fileIn(id: string): string {
  return id.replaceAll("\\", "/").replace(/^.*\/node_modules\//, "");
}

export function isReplaced(id: string): boolean {
  return Object.hasOwn(REPLACEMENTS, fileIn(id));
}

/** Replaces the parts of built-in packages that would never run. They would be half of what is built in. */
export function withoutUnused(): Plugin {
  const stale = new Set(Object.keys(REPLACEMENTS));
  return {
    name: "without-unused",
    load(id) {
      const file = fileIn(id);
      stale.delete(file);
      return REPLACEMENTS[file] ?? null;
    },
    buildEnd() {
      // A later version of a package may have its code elsewhere. Without this, the whole of it would be built in.
      if (stale.size > 0)
        this.error(`scripts/built-in.ts replaces files that are not built in: ${[...stale].join(", ")}.`);
    },
  };
}

const BUILT_IN_MODULE = new RegExp(`\\brequire\\((['"])(?:node:)?(${builtinModules.join("|")})\\1\\)`, "g");

/**
 * Lets CommonJS packages load Node's modules without `require`. A `require` in an ES module is made of
 * `import.meta.url`, which a CommonJS bundle of the user's application does not have.
 */
export const withoutRequire: Plugin = {
  name: "without-require",
  transform: {
    filter: { id: /node_modules/ },
    handler: (code) => code.replaceAll(BUILT_IN_MODULE, `process.getBuiltinModule("node:$2")`),
  },
};
