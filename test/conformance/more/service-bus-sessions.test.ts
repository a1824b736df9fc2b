import { testConformance } from "../support.ts";

// The same adapter and the same server, with sessions on every queue.
testConformance("service-bus-sessions", { isListed: false });
