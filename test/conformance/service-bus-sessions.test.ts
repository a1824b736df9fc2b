import { testConformance } from "./support.ts";

// The same adapter and server, and every queue has sessions.
testConformance("service-bus-sessions", { concurrent: true, isListed: false });
