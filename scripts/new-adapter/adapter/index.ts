/**
 * The adapter for Template.
 * @module
 */
export { template, type TemplateOptions } from "./driver.ts";
