/**
 * Azure Service Bus queues, with and without sessions.
 * @module
 */
export type { ConnectionOptions } from "./clients.ts";
export { serviceBus, type ServiceBusOptions } from "./driver.ts";
export type { NamingOptions, QueueFacts } from "./names.ts";
