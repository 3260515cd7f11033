import { describe, expect, it } from 'vitest';
import { countDone, type Facts, isOver, nextOf, stepsOf } from './steps';

const NOTHING: Facts = { gatewayReady: false, hasKey: false, called: false, hasOthers: false };
const NOW = new Date('2026-05-04T12:00:00Z');
const WEEKS_AGO = new Date('2026-04-04T12:00:00Z');

describe('the first steps', () => {
  it('are done one after the other', () => {
    expect(nextOf(stepsOf(NOTHING))).toBe('gateway');
    expect(nextOf(stepsOf({ ...NOTHING, gatewayReady: true }))).toBe('key');
    expect(nextOf(stepsOf({ ...NOTHING, gatewayReady: true, hasKey: true }))).toBe('call');
    expect(nextOf(stepsOf({ ...NOTHING, called: true }))).toBe('people');
    expect(nextOf(stepsOf({ ...NOTHING, called: true, hasOthers: true }))).toBeNull();
  });

  it('leave people to those who may invite', () => {
    expect(stepsOf({ ...NOTHING, hasOthers: null }).map((step) => step.name)).toEqual([
      'gateway',
      'key',
      'call',
    ]);
    expect(countDone(stepsOf({ ...NOTHING, called: true, hasOthers: null }))).toBe(3);
  });

  it('are over when all is done, or when somebody likes to be alone', () => {
    const alone = stepsOf({ ...NOTHING, called: true });
    expect(isOver(alone, NOW, NOW)).toBe(false);
    expect(isOver(alone, WEEKS_AGO, NOW)).toBe(true);
    expect(isOver(stepsOf(NOTHING), WEEKS_AGO, NOW)).toBe(false);
    expect(isOver(stepsOf({ ...NOTHING, called: true, hasOthers: null }), NOW, NOW)).toBe(true);
  });
});
