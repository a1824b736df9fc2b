import { builtinModules } from "node:module";
import type { Plugin } from "rolldown";

/** Code that replaces files of built-in packages, by path below `node_modules`. The replaced code never runs here. */
const REPLACEMENTS: Readonly<Record<string, string>> = {
  // The SQS adapter uses the connection pool and the agent for proxies, not `fetch`, caches, mocks or WebSockets.
  "undici/index.js": `exports.Pool = require("./lib/dispatcher/pool.js");
exports.EnvHttpProxyAgent = require("./lib/dispatcher/env-http-proxy-agent.js");
// The agent opens tunnels by this method, which undici adds to its class here.
require("./lib/dispatcher/dispatcher.js").prototype.connect = require("./lib/api/api-connect.js");`,
  // HTTP/2 is off by default, and would load `node:http2`.
  "undici/lib/dispatcher/client-h2.js": `module.exports = () => { throw new TypeError("HTTP/2 is not built in."); };`,
  // Reads bodies of type FormData. The bodies of SQS requests are text or bytes.
  "undici/lib/web/fetch/body.js": `exports.extractBody = () => { throw new TypeError("FormData is not built in."); };`,
  // Logs in a worker thread, which runs a file of its own. The command line logs in its own thread.
  "pino/lib/transport.js": `module.exports = () => { throw new Error("pino's transports are not built in."); };`,
};

/** The path of a file below `node_modules`, with slashes. */
function fileIn(id: string): string {
  return id.replaceAll("\\", "/").replace(/^.*\/node_modules\//, "");
}

/** Packages that are left out. prom-client requires this one for exemplars, which the command line does not use. */
export const LEFT_OUT: Readonly<Record<string, false>> = { "@opentelemetry/api": false };

/** Replaces the parts of built-in packages that never run. They are half of the code of these packages. */
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
      // Another version of a package may have moved the file. Without this error, all of its code would be built in.
      if (stale.size > 0)
        this.error(`scripts/built-in.ts replaces files that are not built in: ${[...stale].join(", ")}.`);
    },
  };
}

const nodeModules = builtinModules.map((name) => name.replace("node:", "")).join("|");
const REQUIRE = new RegExp(`\\brequire\\((['"])(?:node:)?(${nodeModules})\\1\\)`, "g");

/**
 * Lets built-in CommonJS packages load Node's modules without `require`. In an ES module, `require` is derived from
 * `import.meta.url`, which is missing if a user's bundler writes CommonJS.
 */
export const withoutRequire: Plugin = {
  name: "without-require",
  transform: {
    filter: { id: /node_modules/ },
    handler: (code) => code.replaceAll(REQUIRE, `globalThis.process.getBuiltinModule("node:$2")`),
  },
};
