/** What somebody new has to do, in order, and what of it is done. */

export type StepName = 'gateway' | 'key' | 'call' | 'people';

export type Facts = {
  gatewayReady: boolean;
  hasKey: boolean;
  called: boolean;
  /** null: not for this person to care about. */
  hasOthers: boolean | null;
};

export type Step = { name: StepName; done: boolean };

export function stepsOf({ gatewayReady, hasKey, called, hasOthers }: Facts): Step[] {
  const steps: Step[] = [
    // A call that went through has passed a gateway, whatever is said of it now.
    { name: 'gateway', done: gatewayReady || called },
    { name: 'key', done: hasKey || called },
    { name: 'call', done: called },
  ];
  return hasOthers === null ? steps : [...steps, { name: 'people', done: hasOthers }];
}

/** The step to do now; null: all is done. */
export function nextOf(steps: readonly Step[]): StepName | null {
  return steps.find((step) => !step.done)?.name ?? null;
}

export function countDone(steps: readonly Step[]): number {
  return steps.filter((step) => step.done).length;
}

const NEW_MS = 14 * 86_400_000;

/** Whoever has called and stayed alone for two weeks wants it so. */
export function isOver(steps: readonly Step[], customerSince: Date, now: Date): boolean {
  const next = nextOf(steps);
  return next === null || (next === 'people' && now.getTime() - customerSince.getTime() > NEW_MS);
}
