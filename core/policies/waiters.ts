interface Waiter<Message> {
  readonly type: string;
  readonly resolve: (message: Message) => void;
  readonly reject: (error: Error) => void;
}

/** Who waits for which message of a thread, all of which have an end: the message, too long a time, or the thread's own. */
export class Waiters<Message extends { readonly type: string }> {
  readonly #waiting = new Set<Waiter<Message>>();
  #rejected: Error | undefined;

  /** The next message of this type. Throws what `late` makes of the time that has passed, and what {@link reject} is given. */
  wait<Type extends Message["type"]>(
    type: Type,
    timeoutMs: number,
    late: (seconds: number) => Error,
  ): Promise<Extract<Message, { type: Type }>> {
    return new Promise((resolve, reject) => {
      if (this.#rejected !== undefined) {
        reject(this.#rejected);
        return;
      }
      const timer = setTimeout(() => waiter.reject(late(timeoutMs / 1000)), timeoutMs);
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter<Message> = {
        type,
        resolve: (message) => {
          done();
          resolve(message as Extract<Message, { type: Type }>);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      this.#waiting.add(waiter);
    });
  }

  resolve(message: Message): void {
    for (const waiter of this.#waiting) if (waiter.type === message.type) waiter.resolve(message);
  }

  /** No more messages come. */
  reject(error: Error): void {
    this.#rejected ??= error;
    for (const waiter of this.#waiting) waiter.reject(error);
  }
}
