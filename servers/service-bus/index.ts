/**
 * An AMQP 1.0 server for local work and tests, which Microsoft's own Service Bus SDK talks to.
 * @module
 */
export type { FaultError, Faults, ManagementOperation } from "./faults.ts";
export type { QueueDefinition, ServiceBusServerOptions } from "./options.ts";
export { type ServiceBusServer, startServiceBusServer } from "./server.ts";
export type { ServiceBusServerStats } from "./stats.ts";
