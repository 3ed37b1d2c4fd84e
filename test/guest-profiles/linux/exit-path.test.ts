import assert from "node:assert/strict";
import { AddressSpace } from "../../../core/memory/address-space.js";
import { vaFromBigInt } from "../../../core/memory/address.js";
import { fourLevelPaging } from "../../../core/memory/paging.js";
import { exitPathOf } from "../../../guest-profiles/linux/exit-path.js";
import type { LinuxLayout } from "../../../guest-profiles/linux/layout.js";
import { Machine } from "../../core/memory/machine.js";

const task = 0xffff888000001000n;
const stack = 0xffffc90000004000n;
const stackBytes = 16384;
const text = 0xffffffff81000000n;
/** Each function has 0x1000 bytes. */
const functions = [
  "__schedule",
  "schedule",
  "exit_to_user_mode_prepare",
  "do_syscall_64",
  "preempt_schedule_irq",
  "irqentry_exit",
  "mutex_lock",
  "hrtimer_interrupt",
];
const at = (name: string): bigint => text + BigInt(0x1000 * functions.indexOf(name));

/** Is a thread on the exit path that has these words on its stack, saved so many bytes below the top? */
function isOnExitPath(
  saved: number,
  words: readonly (readonly [word: number, name: string | bigint])[],
): boolean {
  const machine = new Machine(fourLevelPaging);
  machine.fill(1);
  machine.map(task, 1);
  for (let page = 0; page < 4; page++) {
    machine.fill(10 + page);
    machine.map(stack + BigInt(page * 4096), 10 + page);
  }
  const space = new AddressSpace(machine, fourLevelPaging, machine.root);
  const write = (va: bigint, value: bigint): void => {
    const frame = space.frame(vaFromBigInt(va), 0);
    machine.write32(frame, Number(va & 0xfffn), Number(value & 0xffffffffn));
    machine.write32(frame, Number(va & 0xfffn) + 4, Number(value >> 32n));
  };
  const pointer = stack + BigInt(stackBytes - saved);
  write(task, stack);
  write(task + 8n, pointer);
  for (const [word, value] of words)
    write(pointer + BigInt(8 * word), typeof value === "bigint" ? value : at(value) + 0x45n);
  const named = functions.map((name): [string, bigint] => [name, at(name)]);
  const symbols = new Map(
    [...named, ["_stext", text] as const, ["_etext", text + 0x100000n] as const].map(
      ([name, address]) => [name, vaFromBigInt(address)] as const,
    ),
  );
  const layout = { task: { stack: 0, savedStackPointer: 8 } } as unknown as LinuxLayout;
  const spacing = new Map(functions.map((name) => [name, 0x1000]));
  return exitPathOf({ space, symbols, spacing, layout })?.(vaFromBigInt(task)) === true;
}

describe("the stack of a thread that waits for a CPU", () => {
  const rows: readonly (readonly [
    string,
    number,
    readonly (readonly [number, string | bigint])[],
    boolean,
  ])[] = [
    [
      "on its way to user mode (6.1)",
      376,
      [
        [6, "__schedule"],
        [15, "schedule"],
        [18, "exit_to_user_mode_prepare"],
      ],
      true,
    ],
    [
      "with an address left over in between (5.10)",
      392,
      [
        [6, "__schedule"],
        [10, "hrtimer_interrupt"],
        [16, "schedule"],
        [20, "exit_to_user_mode_prepare"],
      ],
      true,
    ],
    [
      "preempted in the kernel",
      480,
      [
        [6, "__schedule"],
        [15, "preempt_schedule_irq"],
        [18, "irqentry_exit"],
        [21, "mutex_lock"],
      ],
      false,
    ],
    [
      "preempted in the kernel, with the exit path left over further up",
      500,
      [
        [6, "__schedule"],
        [15, "preempt_schedule_irq"],
        [18, "irqentry_exit"],
        [21, "mutex_lock"],
        [24, "schedule"],
        [27, "exit_to_user_mode_prepare"],
      ],
      false,
    ],
    [
      "deeper than the exit path is",
      640,
      [
        [6, "__schedule"],
        [15, "schedule"],
        [18, "exit_to_user_mode_prepare"],
      ],
      false,
    ],
    [
      "asleep in a system call",
      376,
      [
        [6, "__schedule"],
        [15, "schedule"],
        [18, "mutex_lock"],
        [20, "irqentry_exit"],
        [22, "hrtimer_interrupt"],
      ],
      false,
    ],
    [
      "woken in a system call that slept",
      376,
      [
        [6, "__schedule"],
        [15, "schedule"],
        [18, "mutex_lock"],
        [22, "do_syscall_64"],
      ],
      false,
    ],
    [
      "on its way back from a system call, compiled into one",
      376,
      [
        [6, "__schedule"],
        [15, "schedule"],
        [18, "do_syscall_64"],
      ],
      true,
    ],
    [
      "not switched out by __schedule()",
      376,
      [
        [6, "mutex_lock"],
        [15, "schedule"],
        [18, "exit_to_user_mode_prepare"],
      ],
      false,
    ],
    [
      "returning to a function's first byte, which no call does",
      376,
      [
        [6, "__schedule"],
        [15, at("schedule")],
        [18, at("exit_to_user_mode_prepare")],
      ],
      false,
    ],
    ["empty", 376, [], false],
    ["outside of its stack", -8, [], false],
  ];
  for (const [what, saved, words, expected] of rows) {
    it(`${expected ? "tells" : "does not tell"} that it is about to leave the kernel: ${what}`, () => {
      assert.equal(isOnExitPath(saved, words), expected);
    });
  }
});
