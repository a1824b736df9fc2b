import type { QueueConfig } from "queueport/open";

/**
 * Azure Service Bus, or a local server that speaks its protocol. Give SERVICE_BUS_CONNECTION_STRING; or
 * SERVICE_BUS_NAMESPACE, to sign in as Azure's library finds out.
 */
const { SERVICE_BUS_CONNECTION_STRING, SERVICE_BUS_NAMESPACE } = process.env;

export default {
  provider: "service-bus",
  connectionString: SERVICE_BUS_CONNECTION_STRING,
  namespace: SERVICE_BUS_NAMESPACE,
} satisfies QueueConfig;
