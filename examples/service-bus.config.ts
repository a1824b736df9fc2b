import type { QueueConfig } from "queueport/open";

/**
 * Azure Service Bus, or a local server with its protocol. Set SERVICE_BUS_CONNECTION_STRING; or set
 * SERVICE_BUS_NAMESPACE, to sign in with the credentials that `@azure/identity` finds.
 */
const { SERVICE_BUS_CONNECTION_STRING, SERVICE_BUS_NAMESPACE } = process.env;

export default {
  provider: "service-bus",
  connectionString: SERVICE_BUS_CONNECTION_STRING,
  namespace: SERVICE_BUS_NAMESPACE,
} satisfies QueueConfig;
