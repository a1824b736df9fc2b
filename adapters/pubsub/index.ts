/**
 * The adapter for Google Cloud Pub/Sub.
 * @module
 */
export { pubsub, type PubsubOptions } from "./driver.ts";
