/**
 * A local AMQP 1.0 server for Microsoft's Service Bus SDK, for development and tests.
 * @module
 */
export type { FaultError, Faults, ManagementOperation } from "./faults.ts";
export type { QueueDefinition, ServiceBusServerOptions } from "./options.ts";
export { type ServiceBusServer, startServiceBusServer } from "./server.ts";
export type { ServiceBusServerStats } from "./stats.ts";
