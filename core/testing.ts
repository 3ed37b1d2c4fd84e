/**
 * Helpers for authors: {@link testPolicy} is the contract that every policy keeps, {@link policyTable} tests what one
 * policy is about, {@link host} builds hosts from short sketches, and {@link testGuestProfile} is the contract of guest
 * profiles, on machines that their author gives.
 */
export { host, type DomainSketch, type HostSketch, type ProcessSketch } from "./testing/host.js";
export { wished } from "./testing/wishes.js";
export { randomHosts } from "./testing/random-hosts.js";
export { policyTable, wishedInTurn, type PolicyRow } from "./testing/policy-table.js";
export { testPolicy, type PolicyTest } from "./testing/test-policy.js";
export type { TestFramework } from "./testing/test-framework.js";
export { testGuestProfile, type GuestProfileTest } from "./testing/test-guest-profile.js";
export type { ExpectedTask, ProfileMachine } from "./testing/profile-trial.js";
