import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { openAfterRecovery, recoveryCalls } from "../../../../core/control/socket/after-recovery.js";
import { silentLog } from "../../../../core/log.js";
import { ControlPlace } from "./control-place.js";

describe("a scheduler whose control socket is taken", () => {
  let place: ControlPlace;
  beforeEach(() => {
    place = new ControlPlace();
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });

  it("by a recovery waits until that has ended, and says so", async () => {
    const recovery = await place.serve(recoveryCalls);
    const told: unknown[] = [];
    const log = { ...silentLog, info: (fields: object) => void told.push(fields) };
    let isOpen = false;
    const opening = openAfterRecovery(place.directory, {}, log).then((server) => {
      isOpen = true;
      return place.keep(server);
    });
    await sleep(300);
    assert.equal(isOpen, false);
    recovery[Symbol.dispose]();
    await opening;
    assert.deepEqual(told, [{ event: "recovery-awaited" }]);
  });

  it("by another scheduler is refused at once", async () => {
    await place.serve({ "scheduler.status": () => ({}) });
    await assert.rejects(openAfterRecovery(place.directory, {}, silentLog), { code: "ERR_CONTROL_SOCKET" });
  });
});
