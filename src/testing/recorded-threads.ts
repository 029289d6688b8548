import type { Delivery, ThreadGateway } from '../../actors/thread-gateway.ts';

/** One delivery as it reached the recorder. */
export interface RecordedDelivery extends Omit<Delivery, 'signal'> {
  /** By the recorder's clock. */
  readonly at: Date;
}

/** Threads that nobody reads but the test: every delivery is kept, also one that is refused. */
export class RecordedThreads implements ThreadGateway {
  readonly deliveries: RecordedDelivery[] = [];
  /**
   * How a thread answers. Throw what a gateway of yours would throw: `ThreadStoppedError`, or anything that is tried again.
   * @defaultValue every delivery succeeds
   */
  answer: (delivery: Delivery) => void | Promise<void> = () => {};
  readonly #clock: () => Date;

  /** `clock`: what is noted with each delivery. */
  constructor(clock: () => Date) {
    this.#clock = clock;
  }

  async deliver(delivery: Delivery): Promise<void> {
    const { signal: _, ...told } = delivery;
    this.deliveries.push({ ...told, at: this.#clock() });
    await this.answer(delivery);
  }

  /** What that thread was told, in order. */
  messagesOf(threadId: string): unknown[] {
    return this.deliveries.filter((delivery) => delivery.threadId === threadId).map(({ message }) => message);
  }
}
